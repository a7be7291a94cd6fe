"""Write the verdicts as a page of the report.

python workflow/scripts/write_verdicts_page.py --verdicts verdicts.json --page verdicts.html
"""

import json
from pathlib import Path

import command
from deadtokens.pages import verdicts


def main(options):
    found = json.loads(options.verdicts.read_text("utf-8"))
    with command.finished(options.page) as (page,):
        page.write_text(verdicts.page(found), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--verdicts", type=Path, required=True, help="of judge_questions.py")
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
