"""How much of the freeze goes away with what an arm changes: effects paired by seed, interactions.

Definitions: docs/physics.md. An arm is a list of runs that differ in their seed alone. Its run of a
seed is compared with the reference's run of the same seed, which began from the same weights and
saw the same batches; intervals over seeds are of these differences.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

from deadtokens.causes.onset import over_seeds

Numbers = Mapping[str, float | int | None]  # of one run, see `onset.numbers`
BySeed = Mapping[int, Numbers]  # of the runs of one arm

SHIFTED = ("mean_freeze", "frozen_at_end", "still")


def fall(measure: str, numbers: Numbers) -> float | None:
    """How far motion falls from the first window to the last: None where it has no logarithm.

    moving: the share of moving tokens then less that at the end. log_displacement, log_vector: ln
    of the mean displacement then over that at the end, element scale and vector scale.
    """
    name = measure.removeprefix("log_")
    start, end = numbers[f"{name}_at_start"], numbers[f"{name}_at_end"]
    if name == measure:
        return start - end
    return math.log(start / end) if start > 0 and end > 0 else None


MEASURES = ("moving", "log_displacement", "log_vector")


def effects(arms: Mapping[str, BySeed], changes: Mapping[str, Mapping], reference: str) -> dict:
    """Of each measure, how much of the reference's fall goes away in each arm, as a JSON object.

    changes: what each arm has otherwise than the reference, by setting. `goes_away` is the
    reference's fall less the arm's, `share` the same over the reference's. An interaction is what
    an arm of two changes adds to the sum of both alone: below 0 where they do the same work.
    """
    summary = {}
    for measure in MEASURES:
        falls = {
            arm: {seed: fall(measure, numbers) for seed, numbers in by_seed.items()}
            for arm, by_seed in arms.items()
        }
        of_arms = {arm: _lost(falls, reference, (arm,)) for arm in arms if arm != reference}
        summary[measure] = {
            "fall_of_reference": over_seeds(list(falls[reference].values())),
            "arms": {arm: _shares(lost) for arm, lost in of_arms.items()},
            "interactions": {
                both: {"of": list(alone), **_shares(_lost(falls, reference, (both,), alone))}
                for both, alone in interacting(changes).items()
            },
        }
    return summary


def shifts(arms: Mapping[str, BySeed], reference: str) -> dict[str, dict[str, dict]]:
    """By how much each arm's times and shares exceed the reference's, paired by seed."""
    return {
        name: {
            arm: over_seeds(
                [
                    by_seed[seed][name] - arms[reference][seed][name]
                    for seed in _common(arms, (reference, arm))
                ]
            )
            for arm, by_seed in arms.items()
            if arm != reference
        }
        for name in SHIFTED
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


def _common(arms: Mapping[str, Mapping[int, object]], names: Sequence[str]) -> list[int]:
    """The seeds that all of these arms have, in the order of the first."""
    return [seed for seed in arms[names[0]] if all(seed in arms[name] for name in names)]


def _lost(
    falls: Mapping[str, Mapping[int, float | None]],
    reference: str,
    added: Sequence[str],
    taken: Sequence[str] = (),
) -> list[tuple[float | None, float | None]]:
    """For each common seed how much of the fall goes away, and the reference's fall.

    With `taken`, how much more goes away in the arms `added` than in those, each by itself.
    """
    rows = []
    for seed in _common(falls, (reference, *added, *taken)):
        whole = falls[reference][seed]
        parts = [falls[arm][seed] for arm in (*added, *taken)]
        if whole is None or None in parts:
            rows.append((None, whole))
            continue
        signs = [1] * len(added) + [-1] * len(taken)
        lost = sum(sign * (whole - part) for sign, part in zip(signs, parts, strict=True))
        rows.append((lost, whole))
    return rows


def _shares(lost: Sequence[tuple[float | None, float | None]]) -> dict[str, dict]:
    """Both over seeds; there is no share of a fall where motion did not fall."""
    shares = [None if part is None or whole <= 0 else part / whole for part, whole in lost]
    return {"goes_away": over_seeds([part for part, _ in lost]), "share": over_seeds(shares)}
