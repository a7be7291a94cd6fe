"""Write what computed every run, on what and with which settings, as a page of the report.

    python workflow/scripts/report/write_provenance_page.py --settings configuration.json \\
        --metadata results/crucible1/metadata.json --page provenance.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import documents
from deadtokens.report import provenance_page


def main(options):
    runs = documents.by_folder(options.metadata, provenance_page.METADATA)
    with documents.fitting(*options.metadata):
        text = provenance_page.page(runs, options.settings["configuration"])
    with command.finished(options.page) as (page,):
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__, "configuration")
    arguments.add_argument("--metadata", type=Path, nargs="+", required=True, help="of each run")
    arguments.add_argument("--page", type=Path, required=True, help="HTML to write")
    command.run(main, arguments)
