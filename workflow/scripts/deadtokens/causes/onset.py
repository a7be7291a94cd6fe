"""The onset of the freeze: how the tokens of a run come to rest, and the spread over seeds.

Definitions: docs/physics.md. A token that moves at the last step is not frozen, for the run does
not say when it would stop: what lies beyond the run is None, *never in T steps*, and not a number.

All of it is of W as the model computes with it, in bfloat16. Where the weights are held in float32
that is their rounded view: it stands on the same lattice and its displacement is counted in the
same cells, but it may stand still while the weights themselves creep on.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from deadtokens.errors import UserError
from deadtokens.freezing import freezing

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) values), row 0 is step 1

# Fields of a displacement file that a course is made of.
FIELDS = ("l2", "vector_ulp", "lattice_steps")


def frozen(last: np.ndarray, steps: int) -> np.ndarray:
    """The share of tokens that are frozen after each step, (T,) float64.

    last: (n,) last motions, −1 for none. Frozen after step t: no motion later in the run, which
    must have steps left to show it: of a token that moves at the last step it does not.
    """
    stopped = np.sort(last[last < steps])
    return np.searchsorted(stopped, np.arange(1, steps + 1), side="right") / len(last)


def times(last: np.ndarray, steps: int) -> dict[str, int | None]:
    """Median freeze, the lower of two, and last motion of any token; None: never in T steps."""
    median, latest = (int(np.sort(last)[i]) for i in ((len(last) - 1) // 2, -1))
    return {
        "median_freeze": median if median < steps else None,
        "last_motion": latest if latest < steps else None,
    }


def over_seeds(values: Sequence[float | None]) -> dict[str, object]:
    """Mean over seeds and its 95% interval by Student's t, as a JSON object.

    Seeds differ in initial weights and in the order of the batches, so the interval is of another
    seed's run on the same text and machine. With a value that is None neither can be had: `never`
    counts them, `least` is the smallest of the others.
    """
    known = [value for value in values if value is not None]
    summary = {"seeds": len(values), "never": len(values) - len(known)}
    summary |= {"least": min(known, default=None), "mean": None, "low": None, "high": None}
    if len(known) < len(values) or not known:
        return summary
    summary["mean"] = float(np.mean(known))
    if len(known) > 1:
        half = _student_95(len(known) - 1) * np.std(known, ddof=1) / np.sqrt(len(known))
        summary |= {"low": summary["mean"] - float(half), "high": summary["mean"] + float(half)}
    return summary


@functools.cache
def _student_95(freedom: int) -> float:
    """The two-sided 95% point of Student's t."""
    return float(stats.t.ppf(0.975, freedom))


@dataclass(frozen=True)
class Course:
    """How the tokens of one run move: a value for each step, (T,), and each token's last motion.

    moving: share of tokens that move. displacement: mean |ΔW′|₂ in lattice cells, over the tokens
    where it is finite, NaN at a step with none. vector: mean vector ULP. hops: lattice steps per
    element, which is finite always and no less than the share of elements that moved.
    """

    last: np.ndarray  # (n,) int64, −1 for none
    moving: np.ndarray
    displacement: np.ndarray
    vector: np.ndarray
    hops: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.moving)


def course(chunks: Callable[[str], Chunks], elements: int, threshold: float) -> Course:
    """From a displacement file, whose fields `chunks` reads by name in bounded memory.

    elements: D, of a token's row. |ΔW′|₂ of at least the threshold is motion; NaN is none.
    """
    least = np.float32(threshold)
    return Course(
        last=freezing.last_motion(chunks("l2"), threshold),
        moving=_by_step(chunks("l2"), lambda rows: (rows >= least).mean(axis=1)),
        displacement=_by_step(chunks("l2"), _finite_mean),
        vector=_by_step(chunks("vector_ulp"), _finite_mean),
        hops=_by_step(chunks("lattice_steps"), lambda rows: rows.mean(axis=1) / elements),
    )


def check(tokens: Mapping[str, np.ndarray], steps: Mapping[str, int]) -> None:
    """UserError unless all displacements, by path, are of the same tokens over as many steps."""
    first = next(iter(tokens))
    for path, ids in tokens.items():
        if steps[path] != steps[first] or not np.array_equal(ids, tokens[first]):
            raise UserError(
                f"{path} is of {len(ids)} tokens over {steps[path]} steps, {first} of "
                f"{len(tokens[first])} over {steps[first]}: give displacements of the same tokens "
                "over the same steps, as runs on one corpus leave them."
            )


def windows(values: np.ndarray, from_step: int, window: int) -> tuple[float, float]:
    """Means over `window` steps: those from `from_step` on, and the last; NaN is left out."""
    first = values[from_step - 1 : from_step - 1 + window]
    return tuple(
        float(np.mean(part[np.isfinite(part)])) if np.isfinite(part).any() else float("nan")
        for part in (first, values[-window:])
    )


def numbers(found: Course, from_step: int, window: int) -> dict[str, float | int | None]:
    """What is compared over seeds and arms, of one run.

    mean_freeze: the mean of all last motions, 0 for none, the last step of the run for later ones,
    so that it says something of runs in which half of the tokens never freeze. still: share of
    tokens without a motion in the last `window` steps.
    """
    summary = times(found.last, found.steps)
    summary["mean_freeze"] = float(np.maximum(found.last, 0).mean())
    summary["frozen_at_end"] = float((found.last < found.steps).mean())
    summary["still"] = float((found.last <= found.steps - window).mean())
    summary["hops_at_end"] = float(found.hops[-window:].sum())
    for name in ("moving", "displacement", "vector"):
        ends = windows(getattr(found, name), from_step, window)
        summary |= dict(zip((f"{name}_at_start", f"{name}_at_end"), ends, strict=True))
    return summary


def _by_step(chunks: Chunks, of_rows: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.concatenate([of_rows(rows) for _, rows in chunks]).astype(np.float64)


def _finite_mean(rows: np.ndarray) -> np.ndarray:
    finite = np.isfinite(rows)
    sums = np.where(finite, rows, 0).sum(axis=1, dtype=np.float64)
    counts = finite.sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(rows), np.nan), where=counts > 0)
