"""Verdicts on cohorts, drift and the kick, from real analyses of a null and of planted truth.

Those on phases, freezing and permanence are in test_verdicts.py.
"""

import numpy as np
import pytest
import test_drift as clouds
import test_kick as kicks
import test_momentum as moments
from planted import bits_of
from test_gradients import planted as planted_gradients
from test_verdicts import shipped

from deadtokens import lattice
from deadtokens.cohorts import gradients, momentum
from deadtokens.cohorts.cohorts import Cohorts
from deadtokens.drift import drift, persistence
from deadtokens.kick import attribution, kick
from deadtokens.report import verdicts

STEPS = 420  # so that h_mean has pairs 400 steps apart


def judged(file: str, found: dict) -> dict[str, str]:
    """The verdict of each shipped question that this file answers."""
    asked = {name: q for name, q in shipped().items() if q["file"] == file}
    evidence = {f"{q['run']}/{file}": found for q in asked.values()}
    assert asked
    return {row["name"]: row["verdict"] for row in verdicts.judge(asked, evidence, {})}


def in_favour(verdicts: dict[str, str]) -> set[str]:
    return {name for name, verdict in verdicts.items() if verdict == "supported"}


def of_gradients(last, recorded) -> dict:
    steps = gradients.Steps()
    for step, rows in enumerate(recorded, start=1):
        steps.add(step, rows, None)
    cohorts = Cohorts(last, len(recorded), 5, 1)
    looked_at = cohorts.steps(8)
    rows = np.random.default_rng(4).normal(0, 1, recorded[0].shape)
    then = [recorded[t - 1] for t in looked_at]
    compared = gradients.compare(cohorts, then, [rows] * len(then), rows, 199, 1)
    return gradients.summary(steps.table(), cohorts, looked_at, compared)


def test_gradients_without_direction_and_with_planted_ones():
    random = np.random.default_rng(5)
    noise = random.normal(0, 1, (40, 120, 16)).astype(np.float32)
    null = judged("gradients.json", of_gradients(random.integers(1, 40, 120), noise))
    assert null["gradients_aligned"] == "contradicted"
    assert in_favour(null) == set()
    verdicts = judged("gradients.json", of_gradients(*planted_gradients(3, strength=0.5)))
    assert in_favour(verdicts) == {
        "gradients_aligned",
        "cohorts_aligned",
        "cohorts_aligned_beyond_common",
    }


def of_moments(rows, last=None) -> dict:
    trace, _ = moments.followed(rows, last)
    return momentum.summary(trace, [], moments.STEPS, 0.1, 1)


def test_tokens_that_stop_at_the_line_and_at_random_steps():
    """Weights whose recorded motion has nothing to do with the pending updates, and real ones."""
    rows = moments.real(moments.cooling)
    at_random = np.random.default_rng(2).integers(1, moments.STEPS, rows["W"].shape[1])
    null = judged("momentum.json", of_moments(rows, at_random))
    assert null["critical_line"] == "contradicted"  # by construction, so the data are wrong
    assert in_favour(null) - {"pending_updates"} == set()  # which no last motion decides
    real = judged("momentum.json", of_moments(rows))
    assert real["critical_line"] == "by_construction"
    assert "pending_updates" in in_favour(real)
    hot = judged("momentum.json", of_moments(moments.real(moments.hot)))
    assert hot["pending_updates"] == "contradicted"


def of_clouds(weights, hidden, mask, loss) -> dict:
    found = drift.measure([(0, weights)], hidden, mask)
    table = drift.table(found, hidden, loss)
    lagged = persistence.autocorrelation(hidden, [1, 400], 0.95)
    summary = drift.summary(found, table, hidden, mask)
    return summary | {"h_mean": persistence.summary(hidden, lagged, 0.95)}


def test_clouds_that_walk_at_random_and_along_h():
    random, width = np.random.default_rng(11), 64
    walks = np.cumsum(random.normal(0, 1e-3, (STEPS + 1, 60, width)), axis=0)
    hidden = random.normal(0, 1, (STEPS, width)).astype(np.float32)
    mask = np.arange(60) % 3 == 0
    loss = np.ones(STEPS + 1, np.float32)
    # Centroids that walk at random do separate, as √steps: that alone is no drift along h.
    null = judged("drift.json", of_clouds(bits_of(walks), hidden, mask, loss))
    assert in_favour(null) <= {"separation"}
    verdicts = judged("drift.json", of_clouds(*clouds.planted_run(STEPS, speed=0.25)))
    expected = {"h_from_step_to_step", "h_over_the_run", "dead_against_h", "live_along_h"}
    expected |= {"straight", "toward_live", "live_along_h_relative", "toward_live_relative"}
    assert expected <= in_favour(verdicts)


def test_a_drift_common_to_all_rows_turns_what_is_stored_and_not_what_the_softmax_sees():
    """Clouds that part along h by 1/16 a step each way, while all rows go against it by 3/16."""
    steps = 8
    weights, hidden, mask, loss = clouds.planted_run(steps, speed=1 / 16)
    common = np.arange(steps + 1)[:, None, None] * 3 / 16 * np.array([1, 0, 0])
    moved = bits_of(lattice.to_float32(weights) - common)
    stored = judged("drift.json", of_clouds(moved, hidden, mask, loss))
    assert stored["live_along_h"] == stored["toward_live"] == "contradicted"
    for name in ("dead_against_h", "live_along_h_relative", "toward_live_relative"):
        assert stored[name] == "supported"


def of_kicks(factor_of_arm, stitched: float, before: float) -> dict:
    chance = np.random.default_rng(2).lognormal(0, 0.05, (kicks.STEPS, 1))
    whole = kicks.motion(kicks.STEPS, 30) * chance
    arms = [
        kicks.series(
            arm, whole[kicks.SEAM :] * factor_of_arm(attribution.number_of_arm(arm["restored"]))
        )
        for arm in kicks.ARMS
    ]
    parts = (
        kicks.series(kicks.CONTINUOUS, whole),
        kicks.series(kicks.BEFORE, before * whole[: kicks.SEAM]),
        kicks.series(kicks.AFTER, stitched * whole[kicks.SEAM :]),
    )
    return kick.summary(*parts, arms, kicks.RULES)


def test_a_seam_that_changes_nothing_and_planted_kicks():
    null = judged("kick.json", of_kicks(lambda arm: 1.0, 1.0, 1.0))
    assert in_favour(null) == {"no_kick_without_a_break"}  # and so it is
    assert null["kick_of_the_resume"] == null["kick_is_an_artifact"] == "contradicted"


@pytest.mark.parametrize(("factor", "name"), [*enumerate(attribution.FACTORS)])
def test_a_kick_planted_in_one_factor_is_blamed_on_it_alone(factor, name):
    kicked = of_kicks(lambda arm: 4.0 if arm >> factor & 1 else 1.0, 4.0, 1.0)
    verdicts = judged("kick.json", kicked)
    blamed = {question for question in in_favour(verdicts) if question.startswith("kick_of_the_")}
    assert blamed == {"kick_of_the_resume", f"kick_of_the_{name}"}
    assert verdicts["kick_is_an_artifact"] == "supported"
