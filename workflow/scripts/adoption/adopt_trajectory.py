"""Take a trajectory that was made elsewhere for that of a run: check it and lead to it by a link.

    python workflow/scripts/adoption/adopt_trajectory.py --settings crucible1.json \\
        --given /data/crucible_1_trajectory.safetensors --given-metadata /data/metadata.json \\
        --masks results/corpora/flannel/masks.safetensors \\
        --trajectory results/crucible1/trajectory.safetensors \\
        --own-masks results/crucible1/masks.safetensors \\
        --metadata results/crucible1/metadata.json

Names, shapes, masks, settings and a few rows are checked first, then the file is read once from end
to end for its digests. It is neither copied nor changed.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import digests, links
from deadtokens.files.provenance import Record
from deadtokens.files.trajectory import write_file
from deadtokens.recorded import adoption

SETTINGS = ("run", "naming", "record", "rows", "last_motion", "total_steps", "hidden_dim")


def main(options):
    """Everything is checked before anything is written; the link comes last."""
    settings, given = options.settings, Path(options.given)
    links.refuse_foreign(options.trajectory)
    dead, description = adoption.examined(given, settings, options.masks, options.given_metadata)
    command.log.info("reading %s for its digests", given)
    show = command.Progress(given.stat().st_size, "B")
    whole = digests.of(given, show)
    with command.finished(options.own_masks, options.metadata) as (masks_path, metadata_path):
        write_file(masks_path, adoption.masks(dead, settings["naming"]))
        command.write_json(metadata_path, adoption.with_file(description, given, whole))
    made = command.made_from()
    inputs = made["made_by"]["inputs"] | {str(given): whole.checksums.digest}
    made["made_by"] = made["made_by"] | {"inputs": inputs, "adopted": str(given.absolute())}
    links.put(options.trajectory, given, Record(whole.checksums, whole.mtime_ns, **made))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    # A text, not a path: it is read once, with progress, and not before.
    arguments.add_argument("--given", required=True, help="the trajectory, wherever it lies")
    arguments.add_argument("--given-metadata", type=Path, nargs="?", help="metadata.json beside it")
    arguments.add_argument("--masks", type=Path, nargs="*", default=[], help="of the run's corpus")
    for name in ("trajectory", "own-masks", "metadata"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
