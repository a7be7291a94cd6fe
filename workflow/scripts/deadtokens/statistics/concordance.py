"""Harrell's concordance index of predicted times, and how it is spread by chance.

F. E. Harrell et al., "Evaluating the yield of medical tests", JAMA 247 (1982), 2543: of all pairs
of which it is known who came first, the share that the prediction has in that order; equal
predictions count one half. 1 is perfect, 1/2 is chance. Pairs of equal times are not counted.

Here all that is censored is censored at one and the same time: it shares a time after all others,
so a pair is known if, and only if, its times differ.
"""

from collections.abc import Sequence

import numpy as np

BOUNDS = (0.0, 1.0)


def index(predicted: np.ndarray, times: np.ndarray) -> float | None:
    """Of (n,) predictions and (n,) times; None if all times are equal.

    By Kendall's tau-b, which is the surplus of concordant over discordant pairs, a whole number,
    over a number that is known.
    """
    from scipy import stats

    known = known_pairs(times)
    if known == 0:
        return None
    distinct = known_pairs(predicted)
    if distinct == 0:
        return 0.5
    tau = stats.kendalltau(predicted, times).statistic
    surplus = round(float(tau) * float(known) ** 0.5 * float(distinct) ** 0.5)
    return 0.5 + surplus / (2 * known)


def known_pairs(times: np.ndarray) -> int:
    """How many pairs differ."""
    counts = np.unique(times, return_counts=True)[1].astype(object)  # whole numbers of any size
    number = len(times)
    return int(number * (number - 1) // 2 - (counts * (counts - 1) // 2).sum())


def by_tokens(
    predicted: np.ndarray, times: np.ndarray, permutations: int, random: np.random.Generator
) -> np.ndarray:
    """The index with predictions dealt out again at random, (permutations,).

    That is chance if tokens are independent, and much too narrow if many stop in one event.
    """
    return np.array([index(random.permutation(predicted), times) for _ in range(permutations)])


def by_blocks(
    predicted: Sequence[np.ndarray],
    times: np.ndarray,
    permutations: int,
    random: np.random.Generator,
) -> np.ndarray:
    """The index with times dealt out again at random among blocks of equal time.

    Tokens of one time stay together, as one event; those that are censored are such a block, too.
    Of several predictions at once, (predictions, permutations): each permutation is one for all, so
    that the largest of their indices can be held against the largest that chance makes.
    """
    surplus = np.stack([between_blocks(one, times).ravel() for one in predicted])
    blocks, known = len(np.unique(times)), known_pairs(times)
    chance = np.empty((len(surplus), permutations))
    for i in range(permutations):
        place = random.permutation(blocks)
        comes_first = place[:, None] < place
        # Whole numbers, so in whatever order they are added. Not @: threads of a BLAS would wait.
        chance[:, i] = np.einsum("pb,b->p", surplus, comes_first.ravel().astype(float))
    return 0.5 + chance / (2 * known)


def between_blocks(predicted: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(B, B) float64, of B different times: pairs whose second is predicted later, less earlier.

    A pair has its first token in the block of the row, its second in that of the column; blocks
    are in the order of their times.
    """
    blocks = np.unique(times, return_inverse=True)[1]
    places = np.arange(blocks.max() + 1)
    order = np.argsort(predicted, kind="stable")
    ascending = predicted[order]
    member = blocks[order][:, None] == places
    so_far = np.concatenate([np.zeros((1, len(places)), int), member.cumsum(axis=0)])  # (n+1, B)
    earlier = so_far[np.searchsorted(ascending, predicted, "left")]  # (n, B)
    later = so_far[-1] - so_far[np.searchsorted(ascending, predicted, "right")]
    by_block = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[by_block], places)
    return np.add.reduceat((later - earlier)[by_block], starts, axis=0).astype(float)


def p_value(found: float, chance: np.ndarray) -> float:
    """One-sided: how often chance does as well or better, (1 + k) / (1 + P) of P permutations.

    B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010), 39: never zero.
    """
    return (1 + int((chance >= found).sum())) / (1 + len(chance))
