"""Write what computed every run, on what and with which settings, as a page of the report.

    python workflow/scripts/write_provenance_page.py --settings configuration.json \\
        --metadata results/crucible1/metadata.json --page provenance.html
"""

from pathlib import Path

import command
from deadtokens.files import documents
from deadtokens.pages import provenance


def main(options):
    runs = documents.by_folder(options.metadata, provenance.METADATA)
    with documents.fitting(*options.metadata):
        text = provenance.page(runs, options.settings["configuration"])
    with command.finished(options.page) as (page,):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__, "configuration")
    arguments.add_argument("--metadata", type=Path, nargs="+", required=True, help="of each run")
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
