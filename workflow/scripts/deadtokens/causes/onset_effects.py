"""What an arm changes of the freeze: differences paired by seed, and interactions.

Definitions: docs/physics.md. An arm is a list of runs that differ in their seed alone. Its run of a
seed is compared with the reference's run of the same seed, which began from the same weights and
saw the same batches; intervals over seeds are of these differences.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence

from deadtokens.statistics.seeds import over_seeds

Numbers = Mapping[str, float | int | None]  # of one run, see `onset.numbers`
BySeed = Mapping[int, Numbers]  # of the runs of one arm
Change = Callable[[Numbers, Numbers], float | None]  # from the reference's to the arm's

MEASURES = ("onset", "still", "goes_away")


def effects(
    arms: Mapping[str, BySeed], changes: Mapping[str, Mapping], reference: str, latest: int
) -> dict[str, dict]:
    """Of each measure, by how much each arm differs from the reference, as a JSON object.

    arms: of tokens or of elements; changes: what each arm has otherwise than the reference, by
    setting. onset: steps by which the restricted mean is later. still: difference of the shares.
    goes_away: the same steps over those that the reference is at rest for, `latest` less its mean
    onset; 1 where an arm has no onset at all, None where the reference has none. An interaction is
    what an arm of two changes adds to the sum of both alone: 0 where each does its own.
    """
    measures: dict[str, tuple[Change, float | None]] = {
        "onset": (lambda of, arm: arm["onset"] - of["onset"], float(latest)),
        "still": (lambda of, arm: arm["still"] - of["still"], 1.0),
        "goes_away": (lambda of, arm: _goes_away(of["onset"], arm["onset"], latest), None),
    }
    return {
        name: {
            "arms": {
                arm: _difference(change, most, arms, reference, [arm])
                for arm in arms
                if arm != reference
            },
            "interactions": {
                both: {
                    "of": list(alone),
                    **_difference(change, most, arms, reference, [both], alone),
                }
                for both, alone in interacting(changes).items()
            },
        }
        for name, (change, most) in measures.items()
    }


def interacting(changes: Mapping[str, Mapping]) -> dict[str, tuple[str, str]]:
    """Arms that change just what two others change alone, and these two."""
    found = {}
    alone = {arm: changed for arm, changed in changes.items() if changed}
    for first, second in itertools.combinations(alone, 2):
        if not {*alone[first]} & {*alone[second]}:
            joined = {**alone[first], **alone[second]}
            found |= {arm: (first, second) for arm, changed in alone.items() if changed == joined}
    return found


def _goes_away(of: float, arm: float, latest: int) -> float | None:
    return (arm - of) / (latest - of) if of < latest else None


def _difference(
    change: Change,
    most: float | None,
    arms: Mapping[str, BySeed],
    reference: str,
    added: Sequence[str],
    taken: Sequence[str] = (),
) -> dict[str, object]:
    """The change in `added` less those in `taken`, for each common seed, over seeds.

    most: what a single change cannot exceed, up or down; None if anything can be.
    """
    values = []
    names = [*added, *taken]
    signs = [1] * len(added) + [-1] * len(taken)
    for seed in _common(arms, (reference, *names)):
        parts = [change(arms[reference][seed], arms[name][seed]) for name in names]
        known = None not in parts
        total = sum(s * p for s, p in zip(signs, parts, strict=True)) if known else None
        values.append(total)
    if most is None:
        return over_seeds(values)
    # Both and the reference on one side, each alone on the other: twice as far at most.
    widest = most * (2 if taken else 1)
    return over_seeds(values, (-widest, widest))


def _common(arms: Mapping[str, Mapping[int, object]], names: Sequence[str]) -> list[int]:
    """The seeds that all of these arms have, in the order of the first."""
    return [seed for seed in arms[names[0]] if all(seed in arms[name] for name in names)]
