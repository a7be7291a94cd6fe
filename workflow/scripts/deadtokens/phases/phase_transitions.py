"""What the Thimble 7 notebook measures: motion on the vector scale, its spread, its phases.

Definitions: docs/physics.md. Steps are counted from 1: step t leads from W[t-1] to W[t].
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.phases import phases
from deadtokens.statistics import density

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, n) motions in vector ULP)

SMALLEST_ULP = 1e-10  # the notebook's `ulp.clamp(min=1e-10)`, in units of the weights
LOW_BITS = 16  # a float32 in two halves


@dataclass(frozen=True)
class Measured:
    """All tokens' motion, step by step, and over all steps."""

    n_tokens: int
    mean: np.ndarray  # (T,) float64, over the tokens
    std: np.ndarray  # (T,) of a sample (n - 1), as the notebook takes it; NaN for a single token
    counts: np.ndarray  # (T, phases) int64, of tokens
    range: tuple[float, float] | None  # smallest and largest; None if there are but NaN
    range_shown: tuple[float, float] | None  # of positive finite motions; None if there are none
    high_halves: np.ndarray  # (65536,) int64: how many motions have these upper bits


def clamped(vector_ulp: np.ndarray, dw_l2: np.ndarray) -> np.ndarray:
    """Vector ULP as the notebook takes it: |ΔW|₂ / max(|W|₂ · 2^-7, 1e-10).

    It differs from vector ULP only for rows of practically zero, where that is infinite.
    """
    return np.fmin(vector_ulp, dw_l2 / np.float32(SMALLEST_ULP))


def measure(chunks: Chunks, scheme: phases.Scheme) -> Measured:
    """One pass over the motions."""
    means, stds, counts, found = [], [], [], []
    halves = np.zeros(1 << LOW_BITS, np.int64)
    for _, motion in chunks:
        n_tokens = motion.shape[1]
        wide = motion.astype(np.float64)
        with np.errstate(invalid="ignore"):
            means.append(wide.mean(axis=1))
            stds.append(wide.std(axis=1, ddof=1) if n_tokens > 1 else np.full(len(motion), np.nan))
        counts.append(phases.phase_counts(motion, scheme))
        some = motion[~np.isnan(motion)]
        shown = some[(some > 0) & np.isfinite(some)]
        found.append([*_ends(some), *_ends(shown)])
        halves += np.bincount(_bits(some) >> LOW_BITS, minlength=len(halves))
    low, high, low_shown, high_shown = zip(*found, strict=True)
    return Measured(
        n_tokens=n_tokens,
        mean=np.concatenate(means),
        std=np.concatenate(stds),
        counts=np.concatenate(counts),
        range=_whole_range(low, high),
        range_shown=_whole_range(low_shown, high_shown),
        high_halves=halves,
    )


def median(chunks: Chunks, high_halves: np.ndarray) -> float | None:
    """The lower median of all motions but NaN, as torch takes it; exact, in a second pass.

    Motions are not negative, so they sort as their bits do: the first pass has counted the upper
    halves, this one counts the lower halves of those that share the median's upper half.
    """
    total = int(high_halves.sum())
    if total == 0:
        return None
    rank = (total - 1) // 2
    upper = int(np.searchsorted(np.cumsum(high_halves), rank, side="right"))
    rank -= int(high_halves[:upper].sum())
    halves = np.zeros(1 << LOW_BITS, np.int64)
    for _, motion in chunks:
        bits = _bits(motion[~np.isnan(motion)])
        there = bits[bits >> LOW_BITS == upper] & (len(halves) - 1)
        halves += np.bincount(there, minlength=len(halves))
    lower = int(np.searchsorted(np.cumsum(halves), rank, side="right"))
    return float(np.array([upper << LOW_BITS | lower], np.uint32).view(np.float32)[0])


def bins(measured: Measured, time: int, displacement: int) -> density.Bins:
    """At most `time` even bins of steps; `displacement` bins of the motions' range, in the log."""
    steps = len(measured.mean)
    edges = np.linspace(1, steps + 1, min(time, steps) + 1)
    low, high = measured.range_shown or (1.0, 1.0)
    reach = np.geomspace(low * 0.99, high * 1.01, displacement + 1)
    return density.Bins(np.rint(edges).astype(np.int64), reach)


def traces(chunks: Chunks, over: density.Bins) -> np.ndarray:
    """Every token at every step, counted in bins, see `density.count`."""
    return sum(density.count(motion, start + 1, over) for start, motion in chunks)


def table(measured: Measured, scheme: phases.Scheme) -> pd.DataFrame:
    """A row per step: mean and std in vector ULP, the share of each phase."""
    names = [phases.column("fraction", phase) for phase in scheme.phases]
    steps = pd.DataFrame(
        {
            "step": np.arange(1, len(measured.mean) + 1),
            "mean_ulp": measured.mean,
            "std_ulp": measured.std,
        }
    )
    return steps.join(pd.DataFrame(measured.counts / measured.n_tokens, columns=names))


def summary(
    measured: Measured, scheme: phases.Scheme, middle: float | None, population: str
) -> dict[str, object]:
    """What the notebook prints, as a JSON object; None stands for never, or for no number.

    `transition`: when more than half of the tokens are in this phase or a colder one, first and for
    good. The notebook names the first one alone, and none into the hottest phase.
    """
    as_cold = np.cumsum(measured.counts, axis=1)
    shares = measured.counts / measured.n_tokens
    return {
        "population": population,
        "steps": len(measured.mean),
        "tokens": measured.n_tokens,
        "phases": {
            phase: {
                "column": phases.column("fraction", phase),
                "transition": phases.first_and_for_good(2 * as_cold[:, i] > measured.n_tokens),
                "fraction_range": _range_of(shares[:, i]),
                "final_fraction": float(shares[-1, i]),
            }
            for i, phase in enumerate(scheme.phases)
        },
        "thresholds": list(scheme.thresholds),
        "ulp_range": list(measured.range or (None, None)),
        "ulp_median": middle,
        "mean_ulp_range": _range_of(measured.mean),
        "std_ulp_range": _range_of(measured.std),
    }


def _bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) & 0x7FFFFFFF


def _ends(values: np.ndarray) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)


def _whole_range(lows: Iterable[float], highs: Iterable[float]) -> tuple[float, float] | None:
    low, high = min(lows), max(highs)
    return (low, high) if low <= high else None


def _range_of(values: np.ndarray) -> list[float]:
    some = values[~np.isnan(values)]
    return [float(some.min()), float(some.max())] if some.size else [None, None]
