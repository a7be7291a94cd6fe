"""Give the finished report its name, with the record that shows that it was made here.

    python workflow/scripts/provenance/put_report.py --report results/report.html
    python workflow/scripts/provenance/put_report.py --page results/.partial.report.html \\
        --report results/report.html

Without a page it only refuses a report that was not made here, before hours of work for a new one.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import provenance


def main(options):
    provenance.refuse_foreign(options.report)
    if options.page:
        provenance.put({options.report: options.page}, made_by={"program": "put_report"})


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--page", type=Path, help="the page under its unfinished name")
    arguments.add_argument("--report", type=Path, required=True)
    command.run(main, arguments)
