"""Hold every file of a folder of results against the record of what it was when it was made.

    python workflow/scripts/provenance/verify_results.py --results results

Names what was altered, is foreign, missing, or was made from another state of its inputs; exit
code 1 if there is any such file. `make verify` also names what the configuration has otherwise.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import verification


def main(options):
    show = command.Progress(verification.size(options.results), "B")
    found = verification.examine(options.results, show)
    for finding in found.findings:
        print(finding)
    if found.findings:
        raise UserError(
            f"{options.results}: {len(found.findings)} of {found.files} files are not as they were "
            "made. Delete those to have them made again, or move foreign ones away."
        )
    print(f"{options.results}: {found.files} files, all as they were made")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--results", type=Path, default=Path("results"))
    command.run(main, arguments)
