"""A comparison of black holes from the files of its runs: the table, and all else in one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deadtokens.census import black_holes, published_cloud
from deadtokens.census.black_holes import FORMULA, TRAINING, OfRun, Ranked
from deadtokens.census.formats import BFLOAT16
from deadtokens.census.null_model import AGREEMENT, PUSHED, READINGS
from deadtokens.errors import UserError
from deadtokens.files import documents, tables
from deadtokens.files.trajectory import TrajectoryReader

SETTINGS = ("arms", "steps", "draws", "clouds", "random_seed", "ranks", "published_cloud")
CENTRES = {"centre": ("F64", ("states", "elements"))}
INTERVALS = "95% over random seeds, by Student's t; inside 0 and the largest possible number"
NO_INTERVALS = "none: one random seed does not say what another would give"


@dataclass(frozen=True)
class Files:
    """What belongs to one run of an arm."""

    arm: str
    spread: float
    seed: int
    census: Path
    null: Path
    centres: Path


@dataclass(frozen=True)
class Found:
    """What was counted and predicted of one run."""

    arm: str
    tokens: int
    elements: int
    numbers: OfRun
    ranked: Ranked
    octaves_off: dict[str, float]  # by source, `black_holes.nearest`
    agreement: dict[str, int]  # with the common update, `black_holes.agreement`


def files(
    settings: Mapping, censuses: Sequence[Path], nulls: Sequence[Path], centres: Sequence[Path]
) -> list[Files]:
    """The files of every run, arm by arm; UserError if there are more or fewer than runs."""
    runs = [(arm, run) for arm in settings["arms"] for run in arm["runs"]]
    for name, given in {"censuses": censuses, "nulls": nulls, "centres": centres}.items():
        if len(given) != len(runs):
            raise UserError(
                f"--{name}: {len(given)} files for {len(runs)} runs; give one for each run of "
                "`arms`, in their order."
            )
    return [
        Files(arm["arm"], arm["spread"], run["seed"], *of)
        for (arm, run), of in zip(runs, zip(censuses, nulls, centres, strict=True), strict=True)
    ]


def of_run(of: Files, settings: Mapping) -> Found:
    """Numbers by source and step, and populations by rank at the last step, of one run."""
    steps, ranks = settings["steps"], settings["ranks"]
    text = black_holes.TEXT
    census = tables.read(of.census, (*black_holes.OF_CENSUS, "populations"), text)
    null = tables.read(of.null, (*black_holes.OF_CENSUS, *AGREEMENT, *text), text)
    with TrajectoryReader(of.centres) as file:
        file.expect(CENTRES)
        centres = file.read("centre")
    by_source = {TRAINING: census}
    for reading in READINGS:
        by_source[reading] = null[null["reading"] == reading].reset_index(drop=True)
    with documents.fitting(of.census, of.null, of.centres):
        tokens, last = black_holes.tokens_of(census), max(steps)
        numbers = {
            source: black_holes.counted(table, steps, of.census if source == TRAINING else of.null)
            for source, table in by_source.items()
        }
        ranked = {
            source: black_holes.by_rank(table, last, ranks) for source, table in by_source.items()
        }
        octaves = {
            source: black_holes.nearest(table, last, ranks, settings["published_cloud"])
            for source, table in by_source.items()
        }
        numbers[FORMULA], ranked[FORMULA] = black_holes.predicted(
            centres, of.spread, tokens, of.seed, settings
        )
        agreement = black_holes.agreement(by_source[PUSHED], last)
    return Found(of.arm, tokens, centres.shape[1], numbers, ranked, octaves, agreement)


def together(found: Sequence[Found], settings: Mapping) -> tuple[pd.DataFrame, dict]:
    """The table of all arms, and the summary; docs/formats.md lists its keys."""
    by_arm = {
        arm["arm"]: [one for one in found if one.arm == arm["arm"]] for arm in settings["arms"]
    }
    tokens = {arm: of[0].tokens for arm, of in by_arm.items()}
    table = black_holes.table({a: [one.numbers for one in of] for a, of in by_arm.items()}, tokens)
    several = any(len(of) > 1 for of in by_arm.values())
    summary = {
        **{name: settings[name] for name in ("steps", "draws", "clouds", "random_seed")},
        "intervals": INTERVALS if several else NO_INTERVALS,
        "at_power_of_two_by_chance": 1 / 2**BFLOAT16.mantissa_bits,
        "first_arm": settings["arms"][0]["arm"],
        "arms": {arm["arm"]: _arm(arm, by_arm[arm["arm"]]) for arm in settings["arms"]},
        "published_cloud": published_cloud.needed(
            settings["published_cloud"],
            *(settings[name] for name in ("draws", "clouds", "random_seed", "ranks")),
        ),
    }
    return table, summary


def _arm(arm: Mapping, found: Sequence[Found]) -> dict[str, object]:
    numbers = [one.numbers for one in found]
    return {
        **{name: arm[name] for name in ("spread", "along_spread", "changes")},
        "runs": [run["run"] for run in arm["runs"]],
        "seeds": [run["seed"] for run in arm["runs"]],
        "tokens": found[0].tokens,
        "elements": found[0].elements,
        "at_last_step": black_holes.at_last_step(numbers, found[0].tokens),
        "errors": black_holes.errors(numbers),
        "common_update": black_holes.agreeing([one.agreement for one in found], found[0].tokens),
        "meetings": {
            source: black_holes.meetings(numbers, source, found[0].tokens)
            for source in (TRAINING, *READINGS)
        },
        "octaves_off_published": {
            source: [one.octaves_off[source] for one in found] for source in (TRAINING, *READINGS)
        },
        "populations": black_holes.populations([one.ranked for one in found], found[0].tokens),
    }
