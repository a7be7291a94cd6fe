"""Write a page to look at single tokens of a run with: their motion, cells, moments, and the cloud.

    python workflow/scripts/report/write_explorer.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --displacement results/crucible2/displacement.safetensors \\
        --freezing results/crucible2/freezing.csv \\
        --distance results/crucible2/momentum_distance.safetensors \\
        --parts workflow/report/pages/* workflow/report/explorer/* --page explorer.html
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from contextlib import ExitStack
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.explorer import page, tracks
from deadtokens.files import documents, opening, tables
from deadtokens.files.storage import open_reader
from deadtokens.pages.parts import named_parts
from deadtokens.recorded.rows import TokenRows, read_dead_mask

SHOWN = ("run", "experiment", "phases", "thresholds", "motion_threshold", "still_for", "absent")
SETTINGS = (*SHOWN, "naming", "motion_values", "state_values")


def main(options):
    """All tracks of all dead tokens, in one file."""
    wanted = options.settings
    parts = named_parts((path.name, opening.text(path)) for path in sorted(options.parts))
    table = tables.read(options.freezing, page.COLUMNS, text=("token", "script"))
    with ExitStack() as stack:
        paths = options.trajectory, options.displacement
        file, moved = (stack.enter_context(open_reader(path)) for path in paths)
        rows = TokenRows(file, wanted["naming"], read_dead_mask(options.masks), "dead")
        moved.expect(patterns("l2", "vector_ulp", "token_ids"))
        steps, n_tokens = tracks.check(moved, rows), len(rows.token_ids)
        page.check_tokens(str(options.freezing), table, rows.token_ids)
        found = tracks.motion(moved, page.bounds(wanted), wanted["motion_values"])
        found += tracks.recorded(rows, steps, wanted["state_values"])
        for path in options.distance:
            distance = stack.enter_context(open_reader(path))
            found += tracks.distances(distance, n_tokens, steps, wanted["state_values"])
    with documents.fitting(options.freezing):
        listed = page.tokens(table, steps, wanted["still_for"])
    about = {key: wanted[key] for key in SHOWN} | {"steps": steps, "relative_to": rows.recorded}
    with command.finished(options.page) as (path,):
        path.write_text(page.html(parts, about, listed, found), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "displacement", "freezing", "page"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    arguments.add_argument("--distance", type=Path, nargs="*", default=[], help="may be left out")
    arguments.add_argument("--parts", type=Path, nargs="+", required=True, help="of the page")
    command.run(main, arguments)
