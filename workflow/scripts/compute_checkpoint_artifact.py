"""Set resumed runs beside the continuous one, and attribute their kick to what was not restored.

    python workflow/scripts/compute_checkpoint_artifact.py --settings artifact.json \\
        --check checkpoint_artifact_check.json \\
        --motions results/wordybird1b/untrained_motion.safetensors ... \\
        --table checkpoint_artifact.csv --summary checkpoint_artifact.json

`runs` in the settings has an entry for each motion, in the same order: the continuous run, the one
before the seam, the one from its weights, the eight arms.
"""

import contextlib
import csv
import json
from pathlib import Path

import numpy as np

import command
from deadtokens.analysis import checkpoint_artifact, kick
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.training.schedules import SCHEDULES

RULES = ("seam", "window", "band", "hop_threshold", "resamples", "confidence", "random_seed")
CHUNK_BYTES = 8_000_000


def main(options):
    """A row per series and step, and what the kick is made of."""
    settings = options.settings
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(TrajectoryReader(path)) for path in options.motions]
        for file in files:
            file.require("dw_l2", "hop_cells", "losses", "untrained_indices", "elements")
        kick.check_tokens({str(file.path): file.read("untrained_indices") for file in files})
        lengths = [file.fields["dw_l2"][1][0] for file in files]
        following = min(lengths[0] - settings["seam"], *lengths[2:])
        chosen = {key: settings[key] for key in RULES}
        rules = checkpoint_artifact.Rules(following=following, **chosen)
        continuous, before, after, *arms = (
            _series(file, run, rules) for file, run in zip(files, settings["runs"], strict=True)
        )
        elements = int(files[0].read("elements"))
    told = checkpoint_artifact.summary(continuous, before, after, arms, rules)
    told["continuation"] = json.loads(options.check.read_text("utf-8"))
    rows = checkpoint_artifact.table(continuous, before, after, arms, rules.seam, elements)
    with command.finished(options.table, options.summary) as (table, summary):
        with open(table, "w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
        command.write_json(summary, told)


def _series(file, run, rules):
    steps, _ = file.fields["dw_l2"][1]
    schedule, done = SCHEDULES[run["schedule"]], run["schedule_position"]
    factors = [schedule(done + step, run["schedule_steps"]) for step in range(steps)]
    return checkpoint_artifact.series(
        run["run"],
        run["first"],
        run["restored"],
        lambda name: file.chunks(name, CHUNK_BYTES),
        {name: file.read(name) for name in kick.FROM_START},
        file.read("losses")[1:],
        run["learning_rate"] * np.array(factors),
        rules,
    )


if __name__ == "__main__":
    arguments = command.parser(__doc__, "runs", *RULES)
    arguments.add_argument("--check", type=Path, required=True, help="of check_continuation.py")
    arguments.add_argument("--motions", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what the kick is")
    command.run(main, arguments)
