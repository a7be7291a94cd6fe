"""List what computed the runs behind the findings: machines, versions and states of the code.

    python workflow/scripts/report/list_machines.py \\
        --metadata results/crucible1/metadata.json --machines results/machines.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import documents
from deadtokens.report import machines


def main(options):
    runs = documents.by_folder(options.metadata, machines.METADATA)
    with documents.fitting(*options.metadata):
        listed = machines.listed(runs)
    with command.finished(options.machines) as (file,):
        command.write_json(file, listed)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--metadata", type=Path, nargs="+", required=True, help="of each run")
    arguments.add_argument("--machines", type=Path, required=True, help="JSON to write")
    command.run(main, arguments)
