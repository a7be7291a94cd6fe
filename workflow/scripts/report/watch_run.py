"""Watch a run while it trains: loss, motion and phases so far, in the terminal, until it is done.

    make watch RUN=crucible2
    python workflow/scripts/report/watch_run.py --run results/crucible2 --seconds 10

Reads the trajectory in the making, which lies beside its final place or on the scratch disk that
`cluster.scratch` names. It locks nothing and writes nothing. Where no run is in the making it shows
the finished one. Ends with the run, or by Ctrl-C.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import os
import sys
import time
from pathlib import Path

# What the configuration says unless stated otherwise.
PHASES = "Fimbulwinter,Thermal Solid,Quantum Regime,Classical Gas"
THRESHOLDS, MOTION = "0.1,10,100", 0.1
CLEAR = "\x1b[H\x1b[J"


def main(options):
    """A page now, and again every so many seconds."""
    os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # read once, when HDF5 is loaded: now
    from deadtokens.phases.phases import Scheme
    from deadtokens.report.watching import Watch

    phases, thresholds = options.phases.split(","), map(float, options.thresholds.split(","))
    scheme = Scheme(tuple(phases), tuple(thresholds), vanishing_fraction=0)
    watch = Watch(options.run, options.scratch, options.masks, scheme, options.motion_threshold)
    clear = CLEAR if sys.stdout.isatty() else ""
    while True:
        page, is_done = watch.page()
        print(f"{clear}{page}", flush=True)
        if is_done or options.once:
            return
        time.sleep(options.seconds)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--run", type=Path, required=True, help="its results folder")
    arguments.add_argument(
        "--scratch", type=Path, help="the disk of cluster.scratch, if one is set"
    )
    arguments.add_argument("--masks", type=Path, help="for Wordybird, whose files do not say")
    arguments.add_argument("--seconds", type=float, default=10, help="from one look to the next")
    arguments.add_argument("--once", action="store_true", help="one page, and no more")
    arguments.add_argument("--phases", default=PHASES, help="names of the phases, coldest first")
    arguments.add_argument("--thresholds", default=THRESHOLDS, help="where all but the first begin")
    arguments.add_argument(
        "--motion-threshold", type=float, default=MOTION, help="in lattice cells"
    )
    command.run(main, arguments)
