"""Upper bounds on the rate of motion: closed forms, brute force, planted rates."""

import csv
import json
import math

import numpy as np
import pytest
from planted import run_script

from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.permanence import draw_permanence as figure
from deadtokens.permanence import permanence

THRESHOLD = 0.1


def in_chunks(l2, size):
    return ((start, l2[start : start + size]) for start in range(0, len(l2), size))


def followed(moving, size=7):
    return permanence.follow(in_chunks(np.where(moving, 1.0, 0.0).astype(np.float32), size), 0.1)


def brute_force(moving):
    """By the definition, token by token."""
    exposure, resumed = {}, {}
    for token in moving.T:
        steps = np.flatnonzero(token)
        for t in range(len(token)):
            before = steps[steps < t]
            if len(before) and (age := t - before[-1] - 1) > 0:
                exposure[age] = exposure.get(age, 0) + 1
                resumed[age] = resumed.get(age, 0) + bool(token[t])
    return exposure, resumed


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_resumptions_are_those_of_the_definition(size):
    moving = np.random.default_rng(1).random((60, 9)) < 0.2
    found = followed(moving, size)
    exposure, resumed = brute_force(moving)
    assert {a: n for a, n in enumerate(found.exposure) if n} == exposure
    assert {a: n for a, n in enumerate(found.resumed) if n} == {
        a: n for a, n in resumed.items() if n
    }
    assert found.n_moving.tolist() == moving.sum(axis=1).tolist()


def test_a_hand_computed_example():
    #              moves at 2 and 5 | moves at 1 | never
    moving = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]], bool)
    found = followed(moving)
    # First token: ages 1 and 2 before it moves at 5 (t 4 and 5), none after 5 but age 0.
    # Second token: ages 1, 2, 3, 4 at t 3 to 6. The third never moved: no silence since a motion.
    assert found.exposure.tolist() == [0, 2, 2, 1, 1]
    assert found.resumed.tolist() == [0, 0, 1, 0, 0]
    summary = permanence.summary(found, THRESHOLD, [2], 0.95)
    assert summary["final_silence"]["steps"] == 1
    assert summary["final_silence"]["token_steps"] == 3
    assert summary["still_for"]["2"]["exposure"] == 4
    assert summary["still_for"]["2"]["rate"] == 1 / 4
    assert summary["before"]["per_token_step"] == 1 / 3


def test_the_rule_of_three():
    assert permanence.upper_bound(0, 1000, 0.95) == pytest.approx(2.9957 / 1000, rel=1e-4)
    assert permanence.upper_bound(0, 0, 0.95) is None


@pytest.mark.parametrize(("events", "published"), [(1, 0.0513), (5, 1.970), (10, 5.425)])
def test_exact_lower_bounds(events, published):
    """Half of the 5% quantile of chi squared with 2n degrees of freedom, from tables."""
    assert permanence.lower_bound(events, 1, 0.95) == pytest.approx(published, abs=1e-3)
    assert permanence.lower_bound(0, 1, 0.95) == 0


@pytest.mark.parametrize(
    ("events", "published"), [(1, 4.744), (5, 10.513), (10, 16.962), (50, 63.287)]
)
def test_exact_poisson_bounds(events, published):
    """Half of the 95% quantile of chi squared with 2(n + 1) degrees of freedom, from tables."""
    assert permanence.upper_bound(events, 1, 0.95) == pytest.approx(published, abs=2e-3)


@pytest.mark.parametrize("events", [1, 3, 40, 999])
def test_bounds_are_where_the_poisson_count_has_its_probability(events):
    """Summed term by term, by nothing that the bounds themselves are made with."""

    def at_most(count, mean):
        terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
        return math.fsum(map(math.exp, terms))

    for confidence in (0.9, 0.95, 0.999):
        upper = permanence.upper_bound(events, 1, confidence)
        assert at_most(events, upper) == pytest.approx(1 - confidence, rel=1e-9)
        lower = permanence.lower_bound(events, 1, confidence)
        assert at_most(events - 1, lower) == pytest.approx(confidence, rel=1e-9)


def test_bounds_of_large_counts_are_near_their_normal_approximation():
    """n + 1 + z sqrt(n + 1) + (z^2 - 1) / 3: Cornish and Fisher's expansion of Garwood's bound."""
    n, z = 10**6, 1.6448536269514722
    expected = n + 1 + z * math.sqrt(n + 1) + (z * z - 1) / 3
    assert permanence.upper_bound(n, 1, 0.95) == pytest.approx(expected, abs=0.01)


def test_bounds_cover_a_planted_rate_as_often_as_they_say():
    rng, rate, steps = np.random.default_rng(2), 0.01, 500
    covered = [
        permanence.upper_bound(int(rng.poisson(rate * steps)), steps, 0.9) >= rate
        for _ in range(2000)
    ]
    assert 0.89 < np.mean(covered) < 0.96


def test_a_null_of_constant_rate_shows_no_fall_but_a_planted_freeze_does():
    rng = np.random.default_rng(3)
    null = rng.random((2000, 20)) < 0.01
    summary = permanence.summary(followed(null), THRESHOLD, [10], 0.95)
    assert summary["fell_by_at_least"]["per_step"] is None or (
        summary["fell_by_at_least"]["per_step"] < 3
    )
    assert summary["still_for"]["10"]["rate"] == pytest.approx(0.01, rel=0.1)
    frozen = null.copy()
    frozen[1000:] = False
    summary = permanence.summary(followed(frozen), THRESHOLD, [10], 0.95)
    assert summary["fell_by_at_least"]["per_step"] > 30


def test_the_final_silence_of_a_run_and_what_moved_before():
    moving = np.zeros((100, 4), bool)
    moving[:60] = True
    summary = permanence.summary(followed(moving), THRESHOLD, [10, 50], 0.95)
    silence = summary["final_silence"]
    assert (silence["steps"], silence["token_steps"]) == (40, 160)
    assert silence["upper_bound"]["per_token_step"] == pytest.approx(-np.log(0.05) / 160)
    assert summary["before"] == {"steps": 40, "per_step": 1.0, "per_token_step": 1.0}
    assert summary["fell_by_at_least"]["per_step"] == pytest.approx(40 / -np.log(0.05))
    assert summary["still_for"]["10"]["resumed"] == 0
    assert summary["still_for"]["50"]["upper_bound"] is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_still_or_all_moving_give_no_bound_that_means_anything(value):
    l2 = np.full((30, 1), value, np.float32)
    summary = permanence.summary(permanence.follow(in_chunks(l2, 8), 0.1), 0.1, [5], 0.95)
    assert summary["fell_by_at_least"] == {"per_step": None, "per_token_step": None}
    assert summary["still_for"]["5"]["exposure"] == 0
    assert permanence.table(permanence.follow(in_chunks(l2, 8), 0.1), 0.95)["rate"].empty


def test_octaves_of_the_table_hold_all_exposure_once():
    moving = np.random.default_rng(4).random((300, 5)) < 0.05
    found = followed(moving)
    columns = permanence.table(found, 0.95)
    assert sum(columns["exposure"]) == found.exposure.sum()
    assert columns["still_from"][:3].tolist() == [1, 2, 4]
    assert columns["still_to"][:3].tolist() == [1, 3, 7]
    assert all(
        rate <= bound for rate, bound in zip(columns["rate"], columns["upper_bound"], strict=True)
    )


def drawn(moving, path, kind="png"):
    found = followed(moving)
    table = permanence.table(found, 0.95)
    with style.applied():
        summary = permanence.summary(found, THRESHOLD, [10], 0.95)
        drawing = figure.draw(table, summary, "Planted", width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing


def frozen_from(step, steps=300):
    moving = np.random.default_rng(4).random((steps, 5)) < 0.2
    moving[step:] = False
    return moving


LIVES = {
    "frozen": (frozen_from(100), "motion fell"),
    "all still": (np.zeros((30, 4), bool), "nothing moves in the last 30 steps"),
    "never still": (np.ones((30, 4), bool), "something moves at the last step"),
    "one token": (frozen_from(100)[:, :1], "nothing moves in the last"),
    "one step": (np.ones((1, 1), bool), "something moves at the last step"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", LIVES)
def test_the_figure_says_what_is_seen(kind, tmp_path):
    moving, title = LIVES[kind]
    assert title in drawn(moving, tmp_path / "a.png").get_suptitle()


def test_the_figure_shows_rates_where_tokens_moved_and_bounds_where_none_did(tmp_path):
    columns = permanence.table(followed(frozen_from(100)), 0.95)
    rates, watched = drawn(frozen_from(100), tmp_path / "a.png").axes
    dots, bounds = (line.get_ydata().tolist() for line in rates.lines)
    assert dots == [rate for rate in columns["rate"] if rate]
    pairs = zip(columns["upper_bound"], columns["resumed"], strict=True)
    assert bounds == [bound for bound, resumed in pairs if not resumed]
    assert len(bounds) > 1
    assert watched.lines[0].get_ydata().tolist() == columns["exposure"].tolist()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        drawn(frozen_from(100), tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scripts_from_displacement_to_picture(tmp_path):
    l2 = np.where(frozen_from(100), 3.0, 0).astype(np.float32)
    write_file(tmp_path / "d.safetensors", {"l2": l2})
    settings = {"motion_threshold": THRESHOLD, "still_for": [10, 100], "confidence": 0.95}
    files = [("--table", tmp_path / "a.csv"), ("--summary", tmp_path / "a.json")]
    tables = [word for pair in files for word in pair]
    given = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_permanence", "--settings", settings, *given, *tables)
    assert done.returncode == 0, done.stderr
    found = permanence.follow([(0, l2)], THRESHOLD)
    summary = json.loads((tmp_path / "a.json").read_text())
    assert summary == json.loads(json.dumps(permanence.summary(found, THRESHOLD, [10, 100], 0.95)))
    with open(tmp_path / "a.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["exposure"]) for row in rows] == permanence.table(found, 0.95)[
        "exposure"
    ].tolist()
    look = {"title": "Planted", "width_mm": 120, "dpi": 60}
    picture = tmp_path / "a.png"
    done = run_script("draw_permanence", "--settings", look, *tables, "--figure", picture)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_file_of_another_step_is_refused(tmp_path):
    write_file(tmp_path / "d.safetensors", {"loss": np.zeros(3, np.float32)})
    settings = {"motion_threshold": THRESHOLD, "still_for": [10], "confidence": 0.95}
    files = "--table", tmp_path / "made/a.csv", "--summary", tmp_path / "made/a.json"
    given = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_permanence", "--settings", settings, *given, *files)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "no l2 in this file" in done.stderr
    assert not (tmp_path / "made").exists()
