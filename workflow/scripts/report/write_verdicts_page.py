"""Write the verdicts as a page of the report.

python workflow/scripts/report/write_verdicts_page.py --verdicts verdicts.json --page verdicts.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import documents
from deadtokens.report import verdicts_page


def main(options):
    found = documents.read(options.verdicts, verdicts_page.VERDICTS)
    with documents.fitting(options.verdicts):
        text = verdicts_page.page(found)
    with command.finished(options.page) as (page,):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--verdicts", type=Path, required=True, help="of judge_questions.py")
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
