"""Make the page that `snakemake --report` leaves fit for people, as `make report` does.

    python workflow/scripts/report/finish_report.py --made results/.partial.report.html \\
        --script workflow/report/report.js --report results/report.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import opening
from deadtokens.report import finished_report


def main(options):
    made, script = opening.text(options.made), opening.text(options.script)
    text = finished_report.page(made, script, str(options.made))
    # No result of a rule, so it has no record: it is written anew at every call.
    partial = options.report.with_name(f".partial.{options.report.name}.finished")
    partial.write_text(text, encoding="utf-8")
    partial.replace(options.report)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--made", type=Path, required=True, help="by snakemake --report")
    arguments.add_argument("--script", type=Path, required=True, help="JavaScript to put into it")
    arguments.add_argument("--report", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
