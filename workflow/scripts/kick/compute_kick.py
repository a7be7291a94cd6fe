"""Set resumed runs beside the continuous one, and attribute their kick to what was not restored.

    python workflow/scripts/kick/compute_kick.py --settings settings.json \\
        --check kick_check.json \\
        --motions results/wordybird1b/untrained_motion.safetensors ... \\
        --table kick.csv --summary kick.json

`runs` in the settings has an entry for each motion, in the same order: the continuous run, the one
before the seam, the one from its weights, the eight arms.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import contextlib
from pathlib import Path

from deadtokens.files import documents, tables
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.kick import kick
from deadtokens.kick import untrained_motion as motion

RULES = ("seam", "window", "band", "hop_threshold", "resamples", "confidence", "random_seed")
CHUNK_BYTES = 8_000_000


def main(options):
    """A row per series and step, and what the kick consists of."""
    seam = options.settings["seam"]
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(TrajectoryReader(path)) for path in options.motions]
        for file in files:
            file.expect(motion.motion_patterns())
        motion.check_tokens({str(file.path): file.read("untrained_indices") for file in files})
        lengths = [file.fields["dw_l2"][1][0] for file in files]
        following = min(lengths[0] - seam, *lengths[2:])
        rules = kick.Rules(following, **{k: options.settings[k] for k in RULES})
        runs = zip(files, options.settings["runs"], strict=True)
        first, second, third, *arms = [_series(file, run, rules) for file, run in runs]
        elements = int(files[0].read("elements"))
    report = kick.summary(first, second, third, arms, rules)
    report["continuation"] = documents.read(options.check)
    with command.finished(options.table, options.summary) as (table, summary):
        tables.write(table, kick.table(first, second, third, arms, seam, elements))
        command.write_json(summary, report)


def _series(file, run, rules):
    from_start = {name: file.read(name) for name in motion.FROM_START}
    losses = file.read("losses")[1:]
    return kick.series(run, lambda name: file.chunks(name, CHUNK_BYTES), from_start, losses, rules)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "runs", *RULES)
    arguments.add_argument("--check", type=Path, required=True, help="of check_continuation.py")
    arguments.add_argument("--motions", type=Path, nargs="+", required=True)
    arguments.add_argument("--table", type=Path, required=True, help="CSV: a row per step")
    arguments.add_argument("--summary", type=Path, required=True, help="JSON: what the kick is")
    command.run(main, arguments)
