"""Take a run from an archive that `make archive` wrote: check every byte, then put it in place.

    python workflow/scripts/provenance/import_archive.py --archive crucible2.tar --folder .

Nothing that is there is overwritten. Afterwards the same files can be asked for with the run's own
settings, and nothing is made again: snakemake -n results/crucible2/phases.png --configfile
imported/crucible2/settings.yaml
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import archive


def main(options):
    size = archive.size(options.archive)
    archive.free_for(options.folder, size)
    names = archive.unpack(options.archive, options.folder, command.Progress(size, "B"))
    settings = next(name for name in names if name.endswith("/settings.yaml"))
    print(
        f"{options.archive}: {len(names)} files, all as they were made, are in "
        f"{options.folder.absolute()}."
    )
    print(f"Ask for them with their own settings: --configfile {settings}")


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--archive", type=Path, required=True)
    arguments.add_argument("--folder", type=Path, default=Path(), help="of the workflow's results")
    command.run(main, arguments)
