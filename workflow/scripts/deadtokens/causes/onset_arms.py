"""Arms of runs that differ in their seed alone: their curves over time, and what came out of each.

Definitions: docs/physics.md. Curves are means over bins of steps: tokens move in bursts that all of
them share, so that a single step says little.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.causes import onset
from deadtokens.causes.course import SIZES, UNITS
from deadtokens.causes.onset import MEDIAN, Horizon
from deadtokens.errors import UserError
from deadtokens.statistics.seeds import over_seeds

SHARE = (0.0, 1.0)  # between which every share lies
# Of each unit: share not yet at its onset after the bin, and share that moves at a step of it.
SHARES_OF_UNITS = tuple(f"{unit}_{name}" for unit in UNITS for name in ("before_onset", "moving"))
RATES = tuple(f"{unit}_moving" for unit in UNITS)  # means over the steps of a bin
CURVES = (*SHARES_OF_UNITS, *SIZES)
COLUMNS = (
    *("arm", "step", "seeds"),
    *(f"{name}{end}" for name in CURVES for end in ("", "_low", "_high")),
)
MOVES_OF_V = ("rose", "fell", "stood")
GROWTHS = {"growth": "v_median", "counterfactual_growth": "counterfactual_median"}
SHORTENING = "shortening_median"
# What `second_moment` needs of second_moment.csv.
OF_SECOND_MOMENT = (*MOVES_OF_V, *GROWTHS.values(), SHORTENING)


def curves(course: pd.DataFrame, bin_steps: int) -> dict[str, np.ndarray]:
    """A value for each bin of steps, the last maybe shorter: means; `before_onset` after it.

    course: as `onset.through` leaves it.
    """
    steps = len(course) - 1
    starts = np.arange(0, steps, bin_steps)
    ends = np.append(starts[1:], steps)
    columns = {"step": ends}
    for name in CURVES:
        values = course[name].to_numpy(float)
        if name in SHARES_OF_UNITS:
            values = values / course[name.split("_")[0]].to_numpy(float)
        is_mean = name in RATES or name in SIZES
        columns[name] = _means(values[1:], starts) if is_mean else values[ends]
    return columns


def table(arms: Mapping[str, Sequence[pd.DataFrame]], bin_steps: int) -> pd.DataFrame:
    """A row per arm and bin, `COLUMNS`: mean over seeds and its 95% interval, or NaN.

    arms: courses as `onset.through` leaves them. Intervals of shares stay inside 0 to 1. Of
    displacements and hops the mean and the interval are geometric, and NaN where a run does not
    move at all.
    """
    rows = []
    for arm, courses in arms.items():
        of_runs = [curves(course, bin_steps) for course in courses]
        grains = _grains(courses[0], bin_steps)
        for i, step in enumerate(of_runs[0]["step"]):
            row = {"arm": arm, "step": int(step), "seeds": len(courses)}
            for name in CURVES:
                values = [float(of_run[name][i]) for of_run in of_runs]
                row |= _point(name, values, grains.get(name))
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[3:], float))


def summary(
    courses: Sequence[pd.DataFrame], moments: Sequence[Mapping], horizon: Horizon
) -> dict[str, object]:
    """What came out of one arm, as a JSON object: every number over its seeds.

    courses: as `onset.through` leaves them; moments: `second_moment` of those that record v and g.
    """
    of_arm = {"elements_per_token": onset.width(courses[0])}
    for unit in UNITS:
        of_arm[unit] = of_unit(courses, unit, horizon)
    independent = [
        onset.numbers(course, "elements", horizon)["still"] ** onset.width(course)
        for course in courses
    ]
    of_arm["tokens"]["still_if_independent"] = over_seeds(independent, SHARE)
    of_arm["second_moment"] = None
    if moments:
        of_arm["second_moment"] = {
            name: over_seeds([of_run[name] for of_run in moments]) for name in moments[0]
        }
    return of_arm


def of_unit(courses: Sequence[pd.DataFrame], unit: str, horizon: Horizon) -> dict[str, dict]:
    """`onset.numbers` of tokens or elements over seeds; what is bounded stays within its bounds."""
    numbers = [onset.numbers(course, unit, horizon) for course in courses]
    grain = 1 / float(courses[0][unit].iloc[0])
    limits = {
        "onset": ((0.0, float(horizon.latest_onset)), grain),
        MEDIAN: (None, 0.0),
        "reached": (SHARE, grain),
        "still": (SHARE, grain),
        "rate": (SHARE, grain / horizon.still_for),
    }
    summary = {
        name: over_seeds([of_run[name] for of_run in numbers], *limits[name]) for name in limits
    }
    summary[MEDIAN]["text"] = in_words(summary[MEDIAN], horizon.latest_onset)
    return summary


def second_moment(table: pd.DataFrame, from_step: int, through_step: int) -> dict[str, float]:
    """How v of one run went up to `through_step`, from its second_moment.csv.

    rose, fell, stood: shares of all elements and steps. growth, counterfactual_growth: the median v
    at that step over that at `from_step`, as recorded and as float32 would have made it of the
    same gradients. shortening: the median at that step.
    """
    if len(table) < through_step:
        raise UserError(
            f"a second moment has {len(table)} steps; through_step is {through_step}: give those "
            "of runs of so many steps at least."
        )
    summary = {name: float(table[name].to_numpy()[:through_step].mean()) for name in MOVES_OF_V}
    for name, of in GROWTHS.items():
        start, end = table[of].iloc[[from_step - 1, through_step - 1]]
        summary[name] = float(end / start) if start > 0 else None
    return summary | {"shortening": float(table[SHORTENING].iloc[through_step - 1])}


def in_words(steps: Mapping, latest: int) -> str:
    """A step over seeds, or that it is not reached."""
    never, seeds = steps["never"], steps["seeds"]
    if never == seeds:
        return f"not reached by step {latest:,}"
    if never:
        return (
            f"not reached by step {latest:,} at {never} of {seeds} seeds; the earliest of the "
            f"others at step {steps['least']:,}"
        )
    return f"step {steps['mean']:,.0f}"


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Over bins that begin at these places, of what is finite; NaN in a bin with none."""
    finite = np.isfinite(values)
    sums = np.add.reduceat(np.where(finite, values, 0), starts)
    number = np.add.reduceat(finite.astype(np.int64), starts)
    return np.divide(sums, number, out=np.full(len(starts), np.nan), where=number > 0)


def _grains(course: pd.DataFrame, bin_steps: int) -> dict[str, float]:
    """The least by which each share of the curves can differ between two runs."""
    return {
        name: 1 / float(course[name.split("_")[0]].iloc[0]) / (bin_steps if name in RATES else 1)
        for name in SHARES_OF_UNITS
    }


def _point(name: str, values: list[float], grain: float | None) -> dict[str, float | None]:
    if name in SIZES:
        values = [np.log(value) if value > 0 else None for value in values]
    known = [None if value is None or np.isnan(value) else value for value in values]
    summary = over_seeds(known) if grain is None else over_seeds(known, SHARE, grain)
    ends = {"": summary["mean"], "_low": summary["low"], "_high": summary["high"]}
    if name in SIZES:
        ends = {end: None if value is None else float(np.exp(value)) for end, value in ends.items()}
    return {f"{name}{end}": value for end, value in ends.items()}
