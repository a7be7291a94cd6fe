"""Which forecast is chosen, how it is judged, and what the judgement could have seen.

Definitions: docs/physics.md. Methods are compared on the choosing seeds alone, by cross-validation,
and the one that orders onsets best is judged once, on seeds that had no part in the choice. One
push moves all tokens, so tokens are not independent: chance keeps those of one onset together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens.causes.forecast_methods import CONSTANT, METHODS, Model
from deadtokens.causes.still import Onsets
from deadtokens.statistics import concordance
from deadtokens.statistics.seeds import over_seeds

# What is found over seeds, None where onsets do not differ.
OVER_SEEDS = ("index", "p_tokens", "p_blocks", "p_seeds", "best")


@dataclass(frozen=True)
class Seed:
    """The tokens of one random seed whose onset was not known yet at the step of the state."""

    features: pd.DataFrame  # as `forecast_methods.features` makes it
    onsets: Onsets  # of the same tokens

    @property
    def order(self) -> np.ndarray:
        return self.onsets.order

    def of(self, tokens: np.ndarray) -> "Seed":
        """Some of them, by a mask or by places."""
        return Seed(self.features.iloc[tokens].reset_index(drop=True), self.onsets.of(tokens))


def learn(name: str, seeds: Sequence[Seed], penalty: float) -> Model:
    """A method by its name, fitted to all tokens of these seeds."""
    table = pd.concat([seed.features for seed in seeds], ignore_index=True)
    onset = np.concatenate([seed.onsets.step for seed in seeds]).astype(np.float64)
    return METHODS[name](table, onset, penalty)


def cross_validated(
    seeds: Sequence[Seed], folds: int, penalty: float, random: np.random.Generator
) -> dict[str, float | None]:
    """By method the mean concordance index of what was left out; None if it has none anywhere.

    With one seed a fold is a random part of its tokens, with several it is a whole seed.
    """
    if len(seeds) > 1:
        parts = [(seeds[:i] + seeds[i + 1 :], seeds[i]) for i in range(len(seeds))]
    else:
        fold = random.permutation(np.arange(len(seeds[0].features)) % folds)
        parts = [([seeds[0].of(fold != i)], seeds[0].of(fold == i)) for i in range(folds)]
    found = {}
    for name in METHODS:
        values = [
            concordance.index(learn(name, rest, penalty)(left_out.features), left_out.order)
            for rest, left_out in parts
        ]
        values = [value for value in values if value is not None]
        found[name] = float(np.mean(values)) if values else None
    return found


def choice(indices: Mapping[str, float | None]) -> str:
    """The method of the largest index, of those that order tokens at all; the first of equals."""
    candidates = [name for name in indices if name != CONSTANT]
    return max(candidates, key=lambda name: 0.0 if indices[name] is None else indices[name])


def errors(predicted: np.ndarray, seed: Seed, constant: float) -> dict[str, float | None]:
    """Mean absolute error of the restricted onset, and over that of two constants.

    The constant is that of the choosing seeds; the oracle's is the median of what happened, which
    no forecast could know.
    """
    happened, latest = seed.onsets.step, seed.onsets.latest

    def error(values: np.ndarray | float) -> float:
        return float(np.abs(np.clip(values, 0, latest) - happened).mean())

    own = error(predicted)
    rivals = {"constant": error(constant), "oracle_constant": error(np.median(happened))}
    return {
        "mean_absolute_error": own,
        **{f"over_{name}": own / rival if rival else None for name, rival in rivals.items()},
    }


def about_onsets(seed: Seed) -> dict[str, object]:
    """What of the onsets of a seed limits every forecast, as a JSON object."""
    stopped, pairs = ~seed.onsets.censored, len(seed.order) * (len(seed.order) - 1) // 2
    steps, counts = np.unique(seed.onsets.step[stopped], return_counts=True)
    share = concordance.known_pairs(seed.order) / pairs if pairs else 0.0
    return {
        "tokens": len(stopped),
        "stopped": int(stopped.sum()),
        "censored": int((~stopped).sum()),
        "onset_steps": len(steps),
        "commonest_step": int(steps[counts.argmax()]) if len(steps) else None,
        "share_at_commonest_step": float(counts.max() / len(stopped)) if len(steps) else None,
        "median": float(np.median(seed.onsets.step)),
        "known_pairs": share,
        # Were pairs of equal onset counted, one half each, no forecast would get beyond this.
        "largest_reachable_with_ties": 0.5 + share / 2,
    }


def tested(
    predicted: Mapping[str, Sequence[np.ndarray]],
    chosen: str,
    orders: Sequence[np.ndarray],
    permutations: int,
    random: np.random.Generator,
) -> dict[str, object]:
    """The index of the chosen forecast, by seed and over seeds, with p-values, as a JSON object.

    predicted: by method, of each seed (n,). p-values are one-sided, for a forecast says which way.
    Over seeds chance is the mean of each seed's, dealt out on its own; Student's t takes seeds for
    the units. `best`: of all methods the one that did best, which nobody could know beforehand; its
    p-value is of the largest index that chance makes of any of them (P. H. Westfall and
    S. S. Young, Resampling-Based Multiple Testing, 1993).
    """
    names = [name for name in predicted if name != CONSTANT]
    own, seeds = names.index(chosen), range(len(orders))
    found = np.array(  # (methods, seeds)
        [[concordance.index(predicted[n][i], orders[i]) for i in seeds] for n in names], float
    )
    if np.isnan(found).any():
        known = [None if np.isnan(value) else float(value) for value in found[own]]
        return {"seeds": [{"index": value} for value in known], **dict.fromkeys(OVER_SEEDS)}
    tokens = np.array(
        [
            concordance.by_tokens(predicted[chosen][i], orders[i], permutations, random)
            for i in seeds
        ]
    )
    blocks = np.array(  # (seeds, methods, permutations)
        [
            concordance.by_blocks([predicted[n][i] for n in names], orders[i], permutations, random)
            for i in seeds
        ]
    )
    p_of, indices = concordance.p_value, found[own].tolist()
    means, chance = found.mean(axis=1), blocks.mean(axis=0)
    best = int(means.argmax())
    about_best = {"method": names[best], "index": float(means[best])}
    return {
        "seeds": [
            {"index": v, "p_tokens": p_of(v, tokens[i]), "p_blocks": p_of(v, blocks[i, own])}
            for i, v in enumerate(indices)
        ],
        "index": over_seeds(indices, concordance.BOUNDS),
        "p_tokens": p_of(means[own], tokens.mean(axis=0)),
        "p_blocks": p_of(means[own], chance[own]),
        "p_seeds": by_seeds(indices),
        "best": about_best | {"p": p_of(means[best], chance.max(axis=0))},
    }


def by_seeds(indices: Sequence[float]) -> float | None:
    """Student's t, one-sided, of the mean over seeds against chance; None where it has no value."""
    from scipy import stats

    if len(indices) < 2 or len(set(indices)) == 1:
        return None
    return float(stats.ttest_1samp(indices, 0.5, alternative="greater").pvalue)
