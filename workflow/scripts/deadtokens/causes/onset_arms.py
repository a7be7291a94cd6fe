"""Arms of runs that differ in their seed alone: their curves over time, and what came out of each.

Definitions: docs/physics.md. Curves are means over bins of steps: tokens move in bursts that all of
them share, so that a single step says little.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.causes import onset
from deadtokens.causes.onset import Course, over_seeds

CURVES = ("frozen", "moving", "displacement", "vector", "hops")
# Shown on axes of logarithms, so that mean and interval are of the logarithm.
LOGARITHMIC = ("displacement", "vector", "hops")
COLUMNS = (
    *("arm", "step", "seeds"),
    *(f"{name}{end}" for name in CURVES for end in ("", "_low", "_high")),
)
TIMES = ("median_freeze", "last_motion")
SHARES = ("rose", "fell", "stood")
GROWTHS = {"growth": "v_median", "counterfactual_growth": "counterfactual_median"}
SHORTENING = "shortening_median"
# What `second_moment` needs of second_moment.csv.
OF_SECOND_MOMENT = (*SHARES, *GROWTHS.values(), SHORTENING)


def curves(found: Course, bin_steps: int) -> dict[str, np.ndarray]:
    """A value for each bin of steps, the last maybe shorter: `frozen` after it, means over it."""
    starts = np.arange(0, found.steps, bin_steps)
    ends = np.append(starts[1:], found.steps)
    columns = {"step": ends, "frozen": onset.frozen(found.last, found.steps)[ends - 1]}
    for name in CURVES[1:]:
        values = getattr(found, name)
        finite = np.isfinite(values)
        sums = np.add.reduceat(np.where(finite, values, 0), starts)
        counts = np.add.reduceat(finite.astype(np.int64), starts)
        columns[name] = np.divide(sums, counts, out=np.full(len(ends), np.nan), where=counts > 0)
    return columns


def table(arms: Mapping[str, Sequence[Course]], bin_steps: int) -> pd.DataFrame:
    """A row per arm and bin, `COLUMNS`: mean over seeds and its 95% interval, or NaN.

    Of displacements and hops the mean and the interval are geometric, and NaN where a run does not
    move at all.
    """
    rows = []
    for arm, courses in arms.items():
        of_runs = [curves(found, bin_steps) for found in courses]
        for i, step in enumerate(of_runs[0]["step"]):
            row = {"arm": arm, "step": int(step), "seeds": len(courses)}
            for name in CURVES:
                row |= _point(name, [float(of_run[name][i]) for of_run in of_runs])
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[3:], float))


def summary(
    runs: Sequence[Mapping], numbers: Sequence[Mapping], moments: Sequence[Mapping], steps: int
) -> dict[str, object]:
    """What came out of one arm, as a JSON object: every number over its seeds.

    runs: name and seed of each; numbers: `onset.numbers` of each; moments: `second_moment` of those
    that record v and g.
    """
    of_arm = {"runs": [run["run"] for run in runs], "seeds": [run["seed"] for run in runs]}
    of_arm |= {name: over_seeds([of_run[name] for of_run in numbers]) for name in numbers[0]}
    for name in TIMES:
        of_arm[name]["text"] = in_words(of_arm[name], steps)
    of_arm["second_moment"] = None
    if moments:
        of_arm["second_moment"] = {
            name: over_seeds([of_run[name] for of_run in moments]) for name in moments[0]
        }
    return of_arm


def second_moment(table: pd.DataFrame, from_step: int) -> dict[str, float]:
    """How v of one run went, from its second_moment.csv.

    rose, fell, stood: shares of all elements and steps. growth, counterfactual_growth: the median v
    at the last step over that at `from_step`, as recorded and as float32 would have made it of the
    same gradients. shortening: the median at the last step.
    """
    summary = {name: float(table[name].to_numpy().mean()) for name in SHARES}
    for name, of in GROWTHS.items():
        start, end = table[of].iloc[[from_step - 1, -1]]
        summary[name] = float(end / start) if start > 0 else None
    return summary | {"shortening": float(table[SHORTENING].iloc[-1])}


def in_words(times: Mapping, steps: int) -> str:
    """A time over seeds: a step, or that it is never reached."""
    never, seeds = times["never"], times["seeds"]
    if never == seeds:
        return f"never in {steps:,} steps"
    if never:
        return (
            f"never in {steps:,} steps at {never} of {seeds} seeds; the earliest of the others at "
            f"step {times['least']:,}"
        )
    return f"step {times['mean']:,.0f}"


def _point(name: str, values: list[float]) -> dict[str, float | None]:
    if name in LOGARITHMIC:
        values = [np.log(value) if value > 0 else None for value in values]
    summary = over_seeds([None if value is None or np.isnan(value) else value for value in values])
    ends = {"": summary["mean"], "_low": summary["low"], "_high": summary["high"]}
    if name in LOGARITHMIC:
        ends = {end: None if value is None else float(np.exp(value)) for end, value in ends.items()}
    return {f"{name}{end}": value for end, value in ends.items()}
