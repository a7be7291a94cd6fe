"""The figures of a run by which runs are compared: those that the notebooks print.

Definitions: docs/physics.md. A figure that a run cannot have is not there; `absent` says why.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from deadtokens.files.documents import NUMBER, STEP, IfThere, Maybe

RANGE = IfThere(Maybe([NUMBER]))
# What other rules read of summary.json; of a published experiment they read the same.
FIGURES = {
    **dict.fromkeys(("corpus_tokens", "live", "dead"), IfThere(int)),
    **dict.fromkeys(("final_loss", "unigram_entropy", "net_displacement"), IfThere(NUMBER)),
    "net_displacement_relative": IfThere(NUMBER),
    **dict.fromkeys(("separation_at_start", "separation_later"), IfThere(NUMBER)),
    "mean_displacement_at_first_step": IfThere(NUMBER),
    "mean_displacement_at_last_step": IfThere(NUMBER),
    **dict.fromkeys(("momentum_norm", "mean_variance", "gradient_norm"), RANGE),
    **{"hottest_phase": IfThere(str), "vanishing_fraction": IfThere(NUMBER)},
    **dict.fromkeys(("hottest_phase_vanished", "half_still", "last_motion"), IfThere(STEP)),
    "tokens_moving_at_last_step": IfThere(int),
    **{"freezing": IfThere([STEP]), "stillness_runs": IfThere(int), "still_for": IfThere(int)},
    "longest_stillness": IfThere([int]),
}
PUBLISHED = {str: {"steps": IfThere(int), **FIGURES}}
SUMMARY = {
    **{"experiment": str, "steps": int, "separation_step": int, "absent": IfThere({str: str})},
    **FIGURES,
}
# What `of_training` and `of_motion` read.
METADATA = {"experiment": str, "total_steps": int, "final_loss": NUMBER}
CORPUS = {"entries": int, "tokens": int, "live": int, "dead": int}
MEASURED = {name: shape for name, shape in FIGURES.items() if shape is RANGE} | {
    name: FIGURES[name] for name in FIGURES if name.startswith(("net_displacement", "separation_"))
}
PHASES = {
    **{"phases": [str], "vanishing_fraction": NUMBER},
    "motion": {"tokens_moving_at_last_step": int, "last_motion_step": int},
    "scales": {
        "element": {"phases": {str: {"vanished": {"first": STEP}, "majority": {"first": STEP}}}}
    },
}
FREEZING = {"still_for": int, "min": STEP, "median": STEP, "max": STEP}
STILLNESS = {"count": int, "longest": [{"length": int}]}


def unigram_entropy(counts: np.ndarray) -> float:
    """Entropy of the token frequencies, (V,) counts, in nats: the loss of a context-free model."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def of_training(metadata: Mapping, corpus: Mapping, counts: np.ndarray) -> dict:
    """What is known without a look at the motion.

    metadata, corpus: content of metadata.json and masks.json; counts: how often each token occurs
    in the model corpus, (V,).
    """
    return {
        "experiment": metadata["experiment"],
        "steps": metadata["total_steps"],
        "corpus_tokens": corpus["tokens"],
        "live": corpus["live"],
        "dead": corpus["dead"],
        "final_loss": metadata["final_loss"],
        "unigram_entropy": unigram_entropy(counts),
    }


def of_motion(
    phases: Mapping, freezing: Mapping, stillness: Mapping, displacement: np.ndarray
) -> dict:
    """What other rules found of the motion of dead tokens.

    phases, freezing, stillness: content of the JSON files of these names; displacement: the mean
    |ΔW′|₂ of every step, (T,). Freezing that the run does not show is None.
    """
    coldest, *_, hottest = phases["scales"]["element"]["phases"].values()
    return {
        "mean_displacement_at_first_step": float(displacement[0]),
        "mean_displacement_at_last_step": float(displacement[-1]),
        "tokens_moving_at_last_step": phases["motion"]["tokens_moving_at_last_step"],
        "hottest_phase": phases["phases"][-1],
        "vanishing_fraction": phases["vanishing_fraction"],
        "hottest_phase_vanished": hottest["vanished"]["first"],
        "half_still": coldest["majority"]["first"],
        "last_motion": phases["motion"]["last_motion_step"],
        "freezing": [freezing[name] for name in ("min", "median", "max")],
        "still_for": freezing["still_for"],
        "stillness_runs": stillness["count"],
        "longest_stillness": [run["length"] for run in stillness["longest"][:3]],
    }


def net_displacement(first: np.ndarray, last: np.ndarray) -> float:
    """Mean over the tokens of |W[T] − W[0]|₂: first and last weights of each, (n, D).

    As stored; relative where both are less the mean of all rows of their time (`gauge`).
    """
    change = last.astype(np.float64) - first.astype(np.float64)
    return float(np.linalg.norm(change, axis=1).mean())


def separation(live: np.ndarray, dead: np.ndarray) -> float:
    """Distance between the centroids of live and dead tokens at one time: (n, D) weights each."""
    centroids = (rows.mean(axis=0, dtype=np.float64) for rows in (live, dead))
    return float(np.linalg.norm(np.subtract(*centroids)))


def absent(steps: int, record: Iterable[str], rows: str, separation_step: int) -> dict[str, str]:
    """Why figures that other runs have are not there, by their name, in words.

    steps, record, rows: those of the run; separation_step: when separation is taken again.
    """
    reasons = {}
    if "W" not in record:
        of_weights = ("last_motion", "freezing", "stillness_runs", "net_displacement")
        reasons |= dict.fromkeys(of_weights, "W not recorded")
    if "W" not in record or rows != "all":
        why = "live rows not recorded" if "W" in record else "W not recorded"
        of_all = ("separation_at_start", "separation_later", "net_displacement_relative")
        reasons |= dict.fromkeys(of_all, why)
    elif steps < separation_step:
        reasons["separation_later"] = f"run too short ({steps:,} steps)"
    return reasons
