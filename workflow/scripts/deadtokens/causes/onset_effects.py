"""What an arm changes of the freeze: differences paired by seed, and interactions.

Definitions: docs/physics.md. An arm is a list of runs that differ in their seed alone. Its run of a
seed is compared with the reference's run of the same seed, which began from the same weights and
saw the same batches; intervals over seeds are of these differences.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from deadtokens.statistics.seeds import over_seeds

Numbers = Mapping[str, float | int | None]  # of one run, see `onset.numbers`
BySeed = Mapping[int, Numbers]  # of the runs of one arm
Change = Callable[[Numbers, Numbers], float | None]  # from the reference's to the arm's

MEASURES = ("onset", "still", "goes_away")


def effects(
    arms: Mapping[str, BySeed],
    changes: Mapping[str, Mapping],
    reference: str,
    latest: int,
    grain: float,
) -> dict[str, dict]:
    """Of each measure, by how much each arm differs from the reference, as a JSON object.

    arms: of tokens or of elements; changes: what each arm has otherwise than the reference, by
    setting; latest: `Horizon.latest_onset`; grain: 1/n of n of them.

    onset: steps by which the restricted mean is later. still: difference of the shares. goes_away:
    the same steps over those that the reference is at rest for, `latest` less its mean onset; 1
    where an arm has no onset at all, None where the reference has none. An interaction is what an
    arm of two changes adds to the sum of both alone: 0 where each does its own.
    """
    measures: dict[str, tuple[Change, float]] = {  # and what none of them can exceed
        "onset": (lambda of, arm: arm["onset"] - of["onset"], float(latest)),
        "still": (lambda of, arm: arm["still"] - of["still"], 1.0),
        "goes_away": (lambda of, arm: _goes_away(of["onset"], arm["onset"], latest), math.inf),
    }
    joined = interacting(changes)
    return {
        name: {
            "arms": {
                arm: _bounded(_differences(change, arms, reference, [arm]), most, grain)
                for arm in arms
                if arm != reference
            },
            "interactions": {
                both: {
                    "of": list(alone),
                    # Both and the reference on one side, each alone on the other.
                    **_bounded(
                        _differences(change, arms, reference, [both], alone), most * 2, grain
                    ),
                }
                for both, alone in joined.items()
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


def _bounded(values: Sequence[float | None], most: float, grain: float) -> dict[str, object]:
    return over_seeds(values, (-most, most) if math.isfinite(most) else None, grain)


def _goes_away(of: float, arm: float, latest: int) -> float | None:
    return (arm - of) / (latest - of) if of < latest else None


def _differences(
    change: Change,
    arms: Mapping[str, BySeed],
    reference: str,
    added: Sequence[str],
    taken: Sequence[str] = (),
) -> list[float | None]:
    """For each common seed the change in the arms `added`, less those in `taken` by themselves."""
    signs = [1] * len(added) + [-1] * len(taken)
    found = []
    for seed in _common(arms, (reference, *added, *taken)):
        of = arms[reference][seed]
        parts = [change(of, arms[name][seed]) for name in (*added, *taken)]
        known = None not in parts
        found.append(sum(s * p for s, p in zip(signs, parts, strict=True)) if known else None)
    return found


def _common(arms: Mapping[str, Mapping[int, object]], names: Sequence[str]) -> list[int]:
    """The seeds that all of these arms have, in the order of the first."""
    return [seed for seed in arms[names[0]] if all(seed in arms[name] for name in names)]
