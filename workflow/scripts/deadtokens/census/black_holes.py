"""Black holes of arms of runs: training beside rounding alone, and beside the formula of a cloud.

Sources: `training`, what the run recorded; `pushed`, `stepwise` and `at_once`, the null model, in
which nothing distinguishes tokens (`null_model`); `formula`, a normal cloud of the run's own spread
around where its mean has drifted to, rounded once (`cloud_formula`). Nothing is fitted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.census import cloud_formula, merges
from deadtokens.census.cloud_formula import SUMS, Cloud
from deadtokens.census.null_model import AGREEMENT, READINGS
from deadtokens.errors import UserError
from deadtokens.statistics.seeds import over_seeds

TRAINING, FORMULA = "training", "formula"
SOURCES = (TRAINING, *READINGS, FORMULA)
COUNTED = (*SUMS, "largest_population", "components")
AT_POWER_OF_TWO = "at_power_of_two"  # a share of all elements
SINCE_START = ("coalescences", "evaporations", *merges.COUNTS)
NUMBERS = (*COUNTED, AT_POWER_OF_TWO, *SINCE_START)
ENDS = {"": "mean", "_low": "low", "_high": "high"}
# By name what is divided by what.
SHARES = {
    "share_coarser": ("coalescences_coarser", "coalescences"),
    "changes_coarser": ("merged_changes_coarser", "merged_changes"),
    "others_coarser": ("other_changes_coarser", "other_changes"),
}
OF_LAST_STEP = (*SUMS, "largest_population", AT_POWER_OF_TWO)
KEYS = ("arm", "step", "source", "seeds")
COLUMNS = (*KEYS, *(f"{name}{end}" for name in NUMBERS for end in ENDS))
OF_CENSUS = ("step", *NUMBERS)  # what is needed of census_in_time.csv
TEXT = ("populations", "reading")

# By source and step the numbers of one run, and the populations by rank at the last step.
OfRun = dict[str, dict[int, dict[str, float | None]]]
Ranked = dict[str, np.ndarray]


def counted(table: pd.DataFrame, steps: Sequence[int], path: object) -> dict[int, dict]:
    """NUMBERS of a census in time at these steps; those of SINCE_START are sums up to there."""
    if table["step"].tolist() != [*range(len(table))] or len(table) <= max(steps):
        raise UserError(
            f"{path}: expected a row for every step from 0 to {max(steps)} at least, found "
            f"{len(table)} rows. Give the census of a run of so many steps."
        )
    sums = table[[*SINCE_START]].cumsum()
    found = {}
    for step in steps:
        row = {name: table[name].iloc[step] for name in (*COUNTED, AT_POWER_OF_TWO)}
        row |= {name: sums[name].iloc[step] for name in SINCE_START}
        found[step] = {n: None if pd.isna(value) else float(value) for n, value in row.items()}
    return found


def tokens_of(table: pd.DataFrame) -> int:
    """The tokens that a census is of: singletons and those in black holes."""
    first = table.iloc[0]
    return int(first["vectors"] - first["black_holes"] + first["black_hole_tokens"])


def by_rank(table: pd.DataFrame, step: int, ranks: int) -> np.ndarray:
    """Populations at a step, the most populous first, (ranks,) with 0 where there is none."""
    sizes = np.zeros(ranks)
    known = [int(size) for size in str(table["populations"].iloc[step]).split()][:ranks]
    sizes[: len(known)] = known
    return sizes


def predicted(
    centres: np.ndarray, spread: float, tokens: int, seed: int, settings: Mapping
) -> tuple[dict[int, dict], np.ndarray]:
    """What the formula gives at each step, and populations by rank at the last.

    centres: (T+1, D), where the mean of the cloud is. settings: steps, draws, clouds, random_seed,
    ranks.
    """
    found = {}
    for step in settings["steps"]:
        random = np.random.default_rng((settings["random_seed"], seed, step))
        cloud = Cloud(centres[step], spread, tokens)
        numbers = cloud_formula.expected(cloud, settings["draws"], random)
        drawn = cloud_formula.simulated(cloud, settings["clouds"], random)
        found[step] = {name: numbers[name] for name in SUMS}
        found[step]["largest_population"] = float(np.mean([sizes[0] for sizes in drawn]))
        if step == max(settings["steps"]):
            ranked = cloud_formula.ranked(drawn, settings["ranks"]).mean(axis=0)
    return found, ranked


def table(arms: Mapping[str, Sequence[OfRun]], tokens: Mapping[str, int]) -> pd.DataFrame:
    """A row per arm, step and source, COLUMNS: mean over seeds and its interval of 95%, or NaN."""
    rows = []
    for arm, runs in arms.items():
        for source in SOURCES:
            for step in runs[0][source]:
                row = {"arm": arm, "step": step, "source": source, "seeds": len(runs)}
                for name in NUMBERS:
                    values = [run[source][step].get(name) for run in runs]
                    found = over_seeds(values, *_bounds(name, tokens[arm], step))
                    row |= {f"{name}{e}": found[k] for e, k in ENDS.items()}
                rows.append(row)
    found = pd.DataFrame(rows, columns=COLUMNS)
    return found.astype(dict.fromkeys(COLUMNS[len(KEYS) :], float))


def at_last_step(runs: Sequence[OfRun], tokens: int) -> dict[str, dict]:
    """By source and number what there is at the last step, over seeds."""
    last = max(runs[0][TRAINING])
    return {
        source: {
            name: over_seeds(
                [run[source][last][name] for run in runs], *_bounds(name, tokens, last)
            )
            for name in OF_LAST_STEP
            if name in runs[0][source][last]  # the formula knows no single elements
        }
        for source in SOURCES
    }


def _bounds(name: str, tokens: int, step: int) -> tuple[tuple[float, float], float]:
    """Between what a number lies, and by how much it can differ at least (`over_seeds`)."""
    if name == AT_POWER_OF_TWO:
        return (0.0, 1.0), 1 / tokens
    return (0.0, float(tokens * (1 if name in COUNTED else max(1, step)))), 1.0


def agreement(table: pd.DataFrame, last: int) -> dict[str, int]:
    """Up to a step the sums of `null_model.AGREEMENT`, of the reading that is pushed."""
    sums = table[[*AGREEMENT]].iloc[: last + 1].sum()
    return {name: int(sums[name]) for name in AGREEMENT}


def agreeing(runs: Sequence[Mapping[str, int]], tokens: int) -> dict[str, dict]:
    """How often the common update explains a step of training, over seeds.

    Of all elements at steps at which a token changed there: the share in which it explains all
    tokens, and of tokens in these elements the share that it explains.
    """
    changed = [of["changed_elements"] for of in runs]
    shares = {
        "elements": [_share(of["agreed_elements"], n) for of, n in zip(runs, changed, strict=True)],
        "tokens": [
            _share(of["agreeing_tokens"], n * tokens) for of, n in zip(runs, changed, strict=True)
        ],
    }
    grain = 1 / max(1, *changed)
    return {name: over_seeds(values, (0.0, 1.0), grain) for name, values in shares.items()}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def errors(runs: Sequence[OfRun]) -> dict[str, dict]:
    """log2 of predicted over seen in training at the last step, by source and number, over seeds.

    Missing where either is 0 at a seed: such a ratio is no number.
    """
    last = max(runs[0][TRAINING])
    return {
        source: {
            name: over_seeds(
                [_log_ratio(run[source][last][name], run[TRAINING][last][name]) for run in runs]
            )
            for name in ("vectors", "black_hole_tokens")
        }
        for source in SOURCES[1:]
    }


def meetings(runs: Sequence[OfRun], source: str, tokens: int) -> dict[str, dict]:
    """Coalescences up to the last step, and the share of them where cells became coarser.

    share_coarser: of coalescences; changes_coarser: of changes of the elements in which vectors
    that coalesced had differed; others_coarser: of changes of those that did not, the base rate.
    """
    last = max(runs[0][source])
    of = [run[source][last] for run in runs]
    bounds = 0.0, float(tokens * max(1, last))
    found = {
        name: over_seeds([numbers[name] for numbers in of], bounds, 1.0)
        for name in ("coalescences", "evaporations")
    }
    for name, (part, whole) in SHARES.items():
        values = [_share(numbers[part], numbers[whole]) for numbers in of]
        grain = 1 / max(1.0, *(numbers[whole] or 0 for numbers in of))
        found[name] = over_seeds(values, (0.0, 1.0), grain)
    return found


def populations(runs: Sequence[Ranked], tokens: int) -> dict[str, list[dict]]:
    """By source and rank the population at the last step: mean over seeds and its interval."""
    bounds = 0.0, float(tokens)
    found = {
        source: [
            over_seeds([float(run[source][rank]) for run in runs], bounds, 1.0)
            for rank in range(len(of))
        ]
        for source, of in runs[0].items()
    }
    ends = ENDS.values()
    return {source: [{e: one[e] for e in ends} for one in of] for source, of in found.items()}


def octaves_off(sizes: np.ndarray, tokens: int, published: Mapping) -> np.ndarray:
    """How far populations by rank, (..., ranks), are from the published ones, (...) float64.

    The largest |log2| of a share of all tokens over the published share, of the published ranks
    among these; a rank that is not there counts as half a token.
    """
    wanted = np.array(published["populations"][: sizes.shape[-1]]) / published["tokens"]
    shares = np.maximum(sizes[..., : len(wanted)], 0.5) / tokens
    return np.abs(np.log2(shares / wanted)).max(axis=-1, initial=0.0)


def nearest(table: pd.DataFrame, last: int, ranks: int, published: Mapping) -> float:
    """The least of `octaves_off` of a census in time at any step from the initial one to `last`.

    ranks: how many populations the table lists.
    """
    sizes = np.stack([by_rank(table, step, ranks) for step in range(last + 1)])
    return float(octaves_off(sizes, tokens_of(table), published).min())


def _log_ratio(found: float | None, seen: float | None) -> float | None:
    return float(np.log2(found / seen)) if found and seen else None
