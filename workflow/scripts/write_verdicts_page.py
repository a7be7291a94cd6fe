"""Write the verdicts as a page of the report.

python workflow/scripts/write_verdicts_page.py --verdicts verdicts.json --page verdicts.html
"""

from pathlib import Path

import command
from deadtokens.files import documents
from deadtokens.pages import verdicts


def main(options):
    found = documents.read(options.verdicts, verdicts.VERDICTS)
    with documents.fitting(options.verdicts):
        text = verdicts.page(found)
    with command.finished(options.page) as (page,):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--verdicts", type=Path, required=True, help="of judge_questions.py")
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
