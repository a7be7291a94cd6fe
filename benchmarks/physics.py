"""Whether another way to multiply leaves the physics alone: how far apart runs are.

    snakemake --cores 2 results/{native,fused}_{42,43,44}/{phases,freezing}.csv \\
        --configfile config/matmul_backends.yaml
    PYTHONPATH=workflow/scripts python benchmarks/physics.py

Prints a Markdown table. Two ways are the same physics if a run is no farther from that of the same
seed and the other way than two runs of the published loop are that differ in their seed.
"""

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deadtokens.files import tables

SCALES = ("element", "vector")
OF_TEXT = ("token", "script")  # columns


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--results", type=Path, default=Path("results"))
    arguments.add_argument("--plain", default="native", help="the runs are PLAIN_SEED and WAY_SEED")
    arguments.add_argument("--way", default="fused")
    arguments.add_argument("--seeds", nargs="+", default=["42", "43", "44"])
    options = arguments.parse_args()
    kinds = {
        f"{options.way}, {options.plain}; same seed": [
            (f"{options.plain}_{seed}", f"{options.way}_{seed}") for seed in options.seeds
        ],
        f"{options.plain}; two seeds": pairs(options.plain, options.seeds),
        f"{options.way}; two seeds": pairs(options.way, options.seeds),
    }
    print(f"| distance | {' | '.join(kinds)} |")
    print("| --- " * (1 + len(kinds)) + "|")
    for name, (measure, unit) in distances().items():
        cells = []
        for runs in kinds.values():
            found = [measure(*(options.results / run for run in pair)) for pair in runs]
            cells.append(f"{np.mean(found):.3g} ({min(found):.3g} to {max(found):.3g}){unit}")
        print(f"| {name} | {' | '.join(cells)} |")


def pairs(way: str, seeds: list[str]) -> list[tuple[str, str]]:
    return list(itertools.combinations([f"{way}_{seed}" for seed in seeds], 2))


def distances() -> dict[str, tuple[Callable[[Path, Path], float], str]]:
    """What is compared of two runs' folders, and the unit of its distance."""
    measured = {f"phases, {scale} scale": (phase_distance(scale), "%") for scale in SCALES}
    measured |= {f"motion, {scale} scale": (motion_distance(scale), " octaves") for scale in SCALES}
    return measured | {
        "tokens that move": (moving_distance, "%"),
        "last motions": (freeze_distance, " steps"),
        "last motions, largest gap": (largest_freeze_distance, "%"),
    }


def phase_distance(scale: str) -> Callable[[Path, Path], float]:
    """Tokens that would have to change their phase, in per cent, mean over steps."""

    def between(one: Path, other: Path) -> float:
        first, second = (tables.read(run / "phases.csv") for run in (one, other))
        names = [name for name in first if name.startswith(f"{scale}_")]
        shares = names[: names.index(f"{scale}_undefined") + 1]
        return 50 * sum(np.abs(first[name] - second[name]).mean() for name in shares)

    return between


def motion_distance(scale: str) -> Callable[[Path, Path], float]:
    """|log2| of the ratio of median displacements over tokens, mean over steps where both move."""

    def between(one: Path, other: Path) -> float:
        medians = [tables.read(run / "phases.csv")[f"{scale}_median"] for run in (one, other)]
        both = (medians[0] > 0) & (medians[1] > 0)
        return float(np.abs(np.log2(medians[0][both] / medians[1][both])).mean())

    return between


def moving_distance(one: Path, other: Path) -> float:
    """Of the share of tokens that move, in per cent of the tokens, mean over steps."""
    moving = [tables.read(run / "phases.csv")["moving"] for run in (one, other)]
    return float(100 * np.abs(moving[0] - moving[1]).mean())


def freeze_distance(one: Path, other: Path) -> float:
    """Steps by which last motions would have to shift for the one distribution to be the other."""
    first, second = map(last_motions, (one, other))
    return float(np.abs(first - second).mean())


def largest_freeze_distance(one: Path, other: Path) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the shares frozen, in per cent."""
    last = [last_motions(run) for run in (one, other)]
    steps = np.union1d(*last)
    frozen = [np.searchsorted(times, steps, side="right") / len(times) for times in last]
    return float(100 * np.abs(frozen[0] - frozen[1]).max())


def last_motions(run: Path) -> np.ndarray:
    """In ascending order; as many in all runs, since they are of one corpus."""
    return np.sort(tables.read(run / "freezing.csv", text=OF_TEXT)["last_motion_step"])


if __name__ == "__main__":
    main()
