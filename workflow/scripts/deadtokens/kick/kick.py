"""The kick at a checkpoint: resumed runs beside the continuous one, and what makes the kick.

Definitions: docs/physics.md. Series: `continuous` is the run without a seam; `stitched` the
published pair of runs, one to the seam and one from its weights; every arm is a resume from the
continuous run's own checkpoint at the seam, named after its run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.kick import attribution
from deadtokens.kick import untrained_motion as motion
from deadtokens.kick.chance import Chance
from deadtokens.statistics.resampling import interval, resampled_means
from deadtokens.training.schedules import SCHEDULES

CONTINUOUS, STITCHED = "continuous", "stitched"
INTERVALS_ARE = (
    "Over tokens: which tokens happened to be untrained. The same hidden states push all of them, "
    "so they are not independent, and nothing here says how another seed, text or machine would "
    "differ."
)


@dataclass(frozen=True)
class Series:
    """A run, or the part of one, in the steps of the continuous run.

    first: steps before its own first. by_step: `by_step` of untrained_motion and `from_start_mean`,
    (T,) each.
    losses, rates: loss and learning rate of each step, (T,). before, after, path: sums of |ΔW|₂ of
    each token over the window before the seam, over the one after it, over all following steps;
    (n,) each, None where it has no such steps. restored: parts, for arms alone.
    """

    run: str
    first: int
    by_step: Mapping[str, np.ndarray]
    losses: np.ndarray
    rates: np.ndarray
    before: np.ndarray | None = None
    after: np.ndarray | None = None
    path: np.ndarray | None = None
    restored: tuple[str, ...] | None = None

    @property
    def steps(self) -> int:
        """Its own steps."""
        return len(self.rates)


@dataclass(frozen=True)
class Rules:
    """What the comparison is made by; the configuration says what each is."""

    following: int  # steps after the seam that all series have
    seam: int
    window: int
    band: float
    resamples: int
    confidence: float
    random_seed: int
    hop_threshold: float


def series(
    run: Mapping[str, object],
    chunks: Callable[[str], motion.Chunks],
    from_start: Mapping[str, np.ndarray],
    losses: np.ndarray,
    rules: Rules,
) -> Series:
    """A series from the motion of its run; `chunks` gives `dw_l2` and `hop_cells` again each time.

    The run as the configuration has it: `run`, its name; `first`, steps before its own first;
    `restored`, None but for arms; `learning_rate`, `schedule`, `schedule_steps`, and
    `schedule_position`, how many of these were done at its start. losses, (T,), and what
    `from_start` holds, (T,) each, are of its own steps. UserError if the motion is shorter than the
    window or the following steps.
    """
    first, parts = run["first"], run["restored"]
    by_step = motion.by_step(chunks("dw_l2"), chunks("hop_cells"), rules.hop_threshold)
    totals = {}
    if first == 0:
        totals["before"] = motion.path(chunks("dw_l2"), rules.seam - rules.window + 1, rules.seam)
    if first + len(losses) > rules.seam:
        elapsed = rules.seam - first  # own steps before the seam
        totals["after"] = motion.path(chunks("dw_l2"), elapsed + 1, elapsed + rules.window)
        totals["path"] = motion.path(chunks("dw_l2"), elapsed + 1, elapsed + rules.following)
    schedule, done = SCHEDULES[run["schedule"]], run["schedule_position"]
    factors = [schedule(done + step, run["schedule_steps"]) for step in range(len(losses))]
    return Series(
        run["run"],
        first,
        by_step | from_start,
        losses,
        run["learning_rate"] * np.array(factors),
        **totals,
        restored=None if parts is None else tuple(parts),
    )


def table(
    continuous: Series,
    before: Series,
    after: Series,
    arms: Sequence[Series],
    seam: int,
    elements: int,
) -> pd.DataFrame:
    """A row per series and step. NaN where a series has no such value.

    `share_of_sign_step`: mean |ΔW|₂ over that of a step of one learning rate in each of a token's
    `elements`, which is what fresh moments make of any gradient. `over_continuous`: mean |ΔW|₂ over
    the continuous run's. `excess_path_mean`: that of the steps from the seam to this one.
    """
    parts = [(CONTINUOUS, continuous), (STITCHED, before), (STITCHED, after)]
    parts += [(arm.run, arm) for arm in arms]
    return pd.concat(
        [_rows(name, of, continuous, seam, elements) for name, of in parts], ignore_index=True
    )


def _rows(name: str, series: Series, continuous: Series, seam: int, elements: int) -> pd.DataFrame:
    """The rows of the table that are of one series."""
    step = np.arange(1, series.steps + 1) + series.first
    by_step = {key: values.astype(np.float64) for key, values in series.by_step.items()}
    motion = pd.Series(by_step["dw_l2_mean"])
    beside = pd.Series(continuous.by_step["dw_l2_mean"].astype(np.float64))
    there = beside.reindex(step - 1).reset_index(drop=True)  # NaN beyond its end
    full = pd.Series(series.rates * elements**0.5)
    after = (step > seam) & (step <= continuous.steps)
    columns = {
        **{"series": name, "run": series.run, "step": step},
        **{"learning_rate": series.rates, **by_step},
        "share_of_sign_step": motion / full.where(full != 0),
        "over_continuous": motion / there.where(there != 0),
        "excess_path_mean": (motion - there).where(after).cumsum(),
        "loss": series.losses,
    }
    return pd.DataFrame(columns)


def summary(
    continuous: Series, before: Series, after: Series, arms: Sequence[Series], rules: Rules
) -> dict[str, object]:
    """Kicks, excess paths, effects and contributions with their intervals, as a JSON object.

    Arms in any order, every combination once. All logs are natural; what has no value (nothing
    moves on one side of a seam) is NaN.
    """
    arms = sorted(arms, key=lambda arm: attribution.number_of_arm(arm.restored))
    values = Values(continuous, before, after, arms, rules)
    named = {CONTINUOUS: continuous, STITCHED: after} | {arm.run: arm for arm in arms}
    pseudo = motion.pseudo_seams(continuous.by_step["dw_l2_mean"], rules.window, rules.seam)
    chance = Chance.of(pseudo)
    kicks = {
        name: _kick(name, series, continuous, rules, values, chance)
        for name, series in named.items()
    }
    sides = {"before": before.run, "after": after.run}
    return {
        "tokens": len(continuous.after),
        "seam": rules.seam,
        "window": rules.window,
        "following_steps": rules.following,
        "band": rules.band,
        "interval_over_tokens": {
            "confidence": rules.confidence,
            "resamples": rules.resamples,
            "random_seed": rules.random_seed,
            "meaning": INTERVALS_ARE,
        },
        CONTINUOUS: {"run": continuous.run, **kicks[CONTINUOUS], "pseudo_seams": pseudo},
        STITCHED: sides | kicks[STITCHED] | _token_spread(after, before, rules),
        "arms": [
            {"run": arm.run, "restored": list(arm.restored), "reset": _reset(arm)}
            | kicks[arm.run]
            | _token_spread(arm, continuous, rules)
            for arm in arms
        ],
        "effects": _effects(values, chance),
        "contributions": _contributions(continuous, before, after, arms, rules, values, chance),
    }


class Values:
    """Means over tokens of every window and path, observed and drawn again; statistics of them."""

    def __init__(
        self,
        continuous: Series,
        before: Series,
        after: Series,
        arms: Sequence[Series],
        rules: Rules,
    ):
        self.arms = [arm.run for arm in arms]
        columns = {("before", CONTINUOUS): continuous.before, ("before", STITCHED): before.before}
        named = {CONTINUOUS: continuous, STITCHED: after} | {arm.run: arm for arm in arms}
        columns |= {("after", name): series.after for name, series in named.items()}
        columns |= {("path", name): series.path for name, series in named.items()}
        self._place = {key: i for i, key in enumerate(columns)}
        tokens = np.stack([*columns.values()], axis=1)  # (n, K)
        self._means = tokens.mean(axis=0)
        self._resampled = resampled_means(tokens, rules.resamples, rules.random_seed)
        self._confidence = rules.confidence

    def estimate(self, statistic: Callable[[Callable], np.ndarray]) -> dict[str, float]:
        """Value and interval of a statistic, which gets its means by `of(what, series)`."""

        def of_means(means):
            return statistic(lambda *key: means[..., self._place[key]])

        return interval(of_means, self._means, self._resampled, self._confidence)

    def logs(self, of: Callable) -> np.ndarray:
        """Logs of the motion after the seam of the arms in standard order, (..., arms)."""
        return np.log(np.stack([of("after", arm) for arm in self.arms], axis=-1))

    def observed_logs(self) -> np.ndarray:
        """The same of the means as they are, (arms,)."""
        with np.errstate(divide="ignore"):
            return self.logs(lambda *key: self._means[..., self._place[key]])


def _reset(arm: Series) -> list[str]:
    return [factor for factor in attribution.FACTORS if factor not in arm.restored]


def _kick(
    name: str, series: Series, continuous: Series, rules: Rules, values: Values, chance: Chance
) -> dict[str, object]:
    """Kick ratio, excess path, and when the series moves like the continuous run again."""
    side = STITCHED if name == STITCHED else CONTINUOUS
    found = values.estimate(lambda of: of("after", name) / of("before", side))
    ratio = {"kick_ratio": chance.ratio(found)}
    if name == CONTINUOUS:
        return ratio

    def kick_over(of):
        own = of("after", name) / of("before", side)
        return own / (of("after", CONTINUOUS) / of("before", CONTINUOUS))

    def excess(of):
        return of("path", name) - of("path", CONTINUOUS)

    mean = series.by_step["dw_l2_mean"][: rules.following]
    there = continuous.by_step["dw_l2_mean"][rules.seam : rules.seam + rules.following]
    return ratio | {
        "kick_over_continuous": chance.ratio(values.estimate(kick_over), of_parts=True),
        "excess_path": values.estimate(excess),
        "excess_path_over_path": values.estimate(lambda of: excess(of) / of("path", CONTINUOUS)),
        "moves_like_continuous": motion.moves_alike(mean, there, rules.band),
    }


def _token_spread(after: Series, before: Series, rules: Rules) -> dict[str, object]:
    return {"token_log_ratios": motion.token_ratios(after.after, before.before)}


def _effects(values: Values, chance: Chance) -> list[dict[str, object]]:
    """Main effects and interactions of what is reset, on the log kick ratio."""
    return [
        {"factors": [attribution.FACTORS[i] for i in group]}
        | chance.log(
            values.estimate(lambda of, group=group: attribution.effect(values.logs(of), group))
        )
        for group in attribution.groups()
    ]


def _contributions(
    continuous: Series,
    before: Series,
    after: Series,
    arms: Sequence[Series],
    rules: Rules,
    values: Values,
    chance: Chance,
) -> dict[str, object]:
    """The stitched pair's log kick ratio as a sum of parts, each the log of measured means.

    `share` is that of the whole log ratio; shares add up to 1, and one may be negative.

    `from_learning_rates` is what the known rates alone would make of a part, were motion in
    proportion to them; computed, not measured. `orders` are the smallest and the largest addition
    of a factor among all orders in which the factors can be lost.
    """
    window, seam = rules.window, rules.seam
    rate = {
        "before": _log_mean(continuous.rates[seam - window : seam]),
        "after": _log_mean(continuous.rates[seam : seam + window]),
        "reset": _log_mean(arms[-1].rates[:window]),
        "stitched_before": _log_mean(before.rates[-window:]),
        "stitched_after": _log_mean(after.rates[:window]),
    }

    total = values.estimate(
        lambda of: np.log(of("after", STITCHED)) - np.log(of("before", STITCHED))
    )

    def part(name, statistic, computed=None):
        found = chance.log(values.estimate(statistic))
        shares = chance.share(found["value"], total["value"])
        return {"name": name, **found, **shares, "from_learning_rates": computed}

    def log_after(of, name):
        return np.log(of("after", name))

    def log_before(of, name):
        return np.log(of("before", name))

    parts = [
        part(
            "continuous_trend",
            lambda of: log_after(of, CONTINUOUS) - log_before(of, CONTINUOUS),
            rate["after"] - rate["before"],
        )
    ]
    computed = {"schedule": rate["reset"] - rate["after"]}
    for i, factor in enumerate(attribution.FACTORS):
        of_factor = part(
            f"{factor}_reset",
            lambda of, i=i: attribution.contribution(values.logs(of), i),
            computed.get(factor),
        )
        with np.errstate(invalid="ignore"):
            differences, _ = attribution.steps_without(values.observed_logs(), i)
        of_factor["orders"] = [float(differences.min()), float(differences.max())]
        parts.append(of_factor)
    parts += [
        part(
            "other_weights_and_shorter_schedule",
            lambda of: log_after(of, STITCHED) - log_after(of, values.arms[-1]),
            rate["stitched_after"] - rate["reset"],
        ),
        part(
            "schedule_before_the_seam",
            lambda of: log_before(of, CONTINUOUS) - log_before(of, STITCHED),
            rate["before"] - rate["stitched_before"],
        ),
    ]
    whole = chance.log(total) | {"beyond_pseudo_seams": chance.passed_by(total["value"])}
    return {"of": "log kick ratio of the stitched pair", "total": whole, "parts": parts}


def _log_mean(rates: np.ndarray) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(np.mean(rates)))
