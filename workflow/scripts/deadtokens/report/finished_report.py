"""What `snakemake --report` leaves, made fit for people: a script and a title of our own in it."""

import re

from deadtokens.errors import UserError

END = "</body>"
TITLE = re.compile("<title>.*?</title>", re.DOTALL)


def page(report: str, script: str, name: str) -> str:
    """The report with the script as its last, which names what Snakemake left without a name.

    name: of its file, for messages. Raises UserError if it is no report that Snakemake just made.
    """
    if report.count("<title>Snakemake Report</title>") != 1 or END not in report:
        raise UserError(
            f"{name}: expected a report as Snakemake makes it, found another file: make it with "
            "snakemake --report."
        )
    before, end, after = report.rpartition(END)
    before = TITLE.sub("<title>Fimbulwinter: report</title>", before, count=1)
    return f"{before}<script>\n{script}</script>\n{end}{after}"
