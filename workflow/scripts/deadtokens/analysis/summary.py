"""The figures of a run by which runs are compared: those that the Crucible 2 notebook prints."""

from collections.abc import Iterable, Mapping

import numpy as np

Chunks = Iterable[tuple[int, np.ndarray]]  # (first row, (k, N, D) values), a time chunk each


def norm_range(chunks: Chunks, first_row: int) -> list[float]:
    """Smallest and largest |x|₂ of any token, from `first_row` on; x is (k, N, D) in each chunk."""
    return _range(np.linalg.norm(values, axis=2) for values in _from(first_row, chunks))


def mean_range(chunks: Chunks, first_row: int) -> list[float]:
    """Smallest and largest mean over the elements of any token, from `first_row` on."""
    return _range(values.mean(axis=2) for values in _from(first_row, chunks))


# Field of a trajectory, name in the summary, statistic, first row: moments are zero at row 0,
# before any step; row 0 of the gradients belongs to step 1.
RANGES = (
    ("m", "momentum_norm", norm_range, 1),
    ("v", "mean_variance", mean_range, 1),
    ("g", "gradient_norm", norm_range, 0),
)


def unigram_entropy(counts: np.ndarray) -> float:
    """Entropy of the token frequencies, (V,) counts, in nats: the loss of a context-free model."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def figures(metadata: Mapping, corpus: Mapping, phases: Mapping, displacement: np.ndarray) -> dict:
    """The figures that other steps found, side by side.

    metadata, corpus, phases: content of metadata.json, masks.json and phases.json;
    displacement: the mean |ΔW′|₂ of every step, (T,).
    """
    coldest, *_, hottest = phases["scales"]["element"]["phases"].values()
    return {
        "experiment": metadata["experiment"],
        "steps": phases["steps"],
        "corpus_tokens": corpus["tokens"],
        "live": corpus["live"],
        "dead": corpus["dead"],
        "mean_displacement_at_first_step": float(displacement[0]),
        "mean_displacement_at_last_step": float(displacement[-1]),
        "tokens_moving_at_last_step": phases["motion"]["tokens_moving_at_last_step"],
        "hottest_phase_vanished": hottest["vanished"]["first"],
        "half_still": coldest["majority"]["first"],
        "final_loss": metadata["final_loss"],
    }


def _from(first_row: int, chunks: Chunks) -> Iterable[np.ndarray]:
    for start, values in chunks:
        if start + len(values) > first_row:
            yield values[max(0, first_row - start) :]


def _range(tables: Iterable[np.ndarray]) -> list[float]:
    lowest, highest = zip(*((table.min(), table.max()) for table in tables), strict=True)
    return [float(min(lowest)), float(max(highest))]
