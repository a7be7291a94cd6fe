"""Bounds on the rate of motion, of tokens and elements: brute force and planted rates."""

import csv
import json

import numpy as np
import pytest
from planted import bits_of, run_script, write_masks

from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.permanence import draw_permanence as figure
from deadtokens.permanence import permanence

THRESHOLD = 0.1
ELEMENTS = 3  # of a token


def in_chunks(l2, size):
    return ((start, l2[start : start + size]) for start in range(0, len(l2), size))


def followed(moving, size=7, still_for=(10,)):
    l2 = np.where(moving, 1.0, 0.0).astype(np.float32)
    moves = permanence.moving(in_chunks(l2, size), THRESHOLD)
    return permanence.follow(moves, len(moving), still_for)


def rules(*still_for, confidence=0.95, block_steps=10):
    return permanence.Rules(still_for, confidence, block_steps)


def of_elements(moving):
    """(T, n, D): of a token that moves the first element does, and others now and then."""
    random = np.random.default_rng(9)
    moved = moving[:, :, None] & (random.random((*moving.shape, ELEMENTS)) < 0.3)
    moved[:, :, 0] = moving
    return moved


def summarized(moving, *still_for, **more):
    tokens = followed(moving, still_for=still_for)
    elements = permanence.follow(of_elements(moving), len(moving), still_for)
    return permanence.summary(tokens, elements, THRESHOLD, rules(*still_for, **more))


def tabled(moving):
    tokens = followed(moving)
    elements = permanence.follow(of_elements(moving), len(moving))
    return permanence.table(tokens, elements, rules())


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
    every_age = range(1, 61)
    found = followed(moving, size, every_age)
    exposure, resumed = brute_force(moving)
    of_ages = dict(enumerate(found.exposure.sum(axis=0), start=1))
    assert {a: n for a, n in of_ages.items() if n} == exposure
    of_ages = dict(enumerate(found.resumed.sum(axis=0), start=1))
    assert {a: n for a, n in of_ages.items() if n} == {a: n for a, n in resumed.items() if n}
    at_ten = sum(n for a, n in brute_force(moving[:10])[0].items())
    assert found.exposure[:10].sum() == at_ten  # step by step, too
    assert found.n_moving.tolist() == moving.sum(axis=1).tolist()


def test_a_hand_computed_example():
    #              moves at 2 and 5 | moves at 1 | never
    moving = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]], bool)
    # First token: ages 1 and 2 before it moves at 5 (t 4 and 5), none after 5 but age 0.
    # Second token: ages 1, 2, 3, 4 at t 3 to 6. The third never moved: no silence since a motion.
    found = followed(moving, still_for=[2, 3, 4])
    assert found.ages.tolist() == [1, 2, 3, 4, 8]
    assert found.exposure.sum(axis=0).tolist() == [2, 2, 1, 1]
    assert found.resumed.sum(axis=0).tolist() == [0, 1, 0, 0]
    assert found.exposure[4].tolist() == [0, 1, 1, 0]
    summary = summarized(moving, 2)
    assert summary["final_silence"]["steps"] == 1
    assert summary["final_silence"]["token_steps"] == 3
    assert summary["still_for"]["2"]["exposure"] == 4
    assert summary["still_for"]["2"]["rate"] == 1 / 4
    assert summary["before"]["per_token_step"] == 1 / 3


def test_a_null_of_constant_rate_shows_no_fall_but_a_planted_freeze_does():
    rng = np.random.default_rng(3)
    null = rng.random((2000, 20)) < 0.01
    summary = summarized(null, 10)
    assert (summary["fell_by_at_least"]["per_step"] or 0) < 1
    assert summary["still_for"]["10"]["rate"] == pytest.approx(0.01, rel=0.1)
    frozen = null.copy()
    frozen[1000:] = False
    summary = summarized(frozen, 10, block_steps=1)
    assert summary["fell_by_at_least"]["per_step"] > 30
    # Where blocks are trials, and not steps, the same silence proves less.
    assert summarized(frozen, 10)["fell_by_at_least"]["per_step"] < 5


@pytest.mark.parametrize("lasts", [1, 5, 10])
def test_bursts_that_go_on_as_they_did_are_hardly_ever_called_a_fall(lasts):
    """The statement holds at 95%: of runs whose rate never falls, at most 5% are said to fall."""
    random, fell = np.random.default_rng(lasts), []
    for _ in range(300):
        begun = random.random(400 + lasts) < 0.01
        active = sum(begun[i : i + 400] for i in range(lasts)) > 0
        nothing = np.zeros((400, 1), np.int64)
        found = permanence.Resumptions(np.array([1, 400]), nothing, nothing, 4 * active, 4)
        by = permanence.silences(found, rules())["fell_by_at_least"]
        fell.append(max(by["per_step"] or 0, by["per_token_step"] or 0) > 1)
    assert np.mean(fell) <= 0.05


def test_the_final_silence_of_a_run_and_what_moved_before():
    moving = np.zeros((100, 4), bool)
    moving[:60] = True
    summary = summarized(moving, 10, 50)
    silence = summary["final_silence"]
    assert (silence["steps"], silence["token_steps"]) == (40, 160)
    # 40 steps are 4 blocks, of all tokens together; Poisson's trials are steps and token-steps.
    assert silence["upper_bound"]["per_token_step"] == pytest.approx(-np.log(0.05) / 4)
    assert silence["upper_bound"]["per_step"] == pytest.approx(-np.log(0.05) / 4)
    assert silence["poisson_upper_bound"]["per_token_step"] == pytest.approx(-np.log(0.05) / 160)
    assert silence["poisson_upper_bound"]["per_step"] == pytest.approx(-np.log(0.05) / 40)
    before = summary["before"]
    assert (before["steps"], before["per_step"], before["per_token_step"]) == (40, 1.0, 1.0)
    assert 0.7 < before["lower_bound"]["per_step"] < 1
    # Two bounds at once, so each at 97.5%.
    assert summary["fell_by_at_least"]["per_step"] < 4 / -np.log(0.025)
    assert summary["still_for"]["10"]["resumed"] == 0
    assert summary["still_for"]["50"]["upper_bound"] is None
    # Elements had been still before.
    assert summary["elements"]["elements"] == 4 * ELEMENTS
    assert summary["elements"]["final_silence"]["steps"] == 40


def test_none_that_resumed_is_a_rule_of_three_of_steps_and_not_of_token_steps():
    """All 50 tokens are still for 100 steps after the first: a push would have moved them all."""
    moving = np.zeros((101, 50), bool)
    moving[0] = True
    row = summarized(moving, 20)["still_for"]["20"]
    assert row["exposure"] == 50 * 80
    assert row["upper_bound"] == pytest.approx(-np.log(0.05) / 80)
    assert row["poisson_upper_bound"] == pytest.approx(-np.log(0.05) / (50 * 80))


def test_elements_that_move_in_turn_resume_while_their_token_is_never_still():
    """Each element every 30 steps, the token every 10: what is true of one is not of the other."""
    step = np.arange(300)[:, None, None]
    elements = (step + 10 * np.arange(ELEMENTS)) % 30 == 0
    elements = np.repeat(elements, 5, axis=1)
    tokens = followed(elements.any(axis=2), still_for=[20])
    found = permanence.follow(elements, 300, [20])
    summary = permanence.summary(tokens, found, THRESHOLD, rules(20))
    assert summary["still_for"]["20"]["exposure"] == 0
    row = summary["elements"]["still_for"]["20"]
    assert row["resumed"] == sum(
        elements[t, :, e].sum() for t in range(1, 300) for e in range(ELEMENTS) if t > 29
    )
    assert row["rate"] == pytest.approx(0.1, rel=0.05)  # the last of ten steps


@pytest.mark.parametrize("value", [False, True])
def test_all_still_or_all_moving_give_no_bound_that_means_anything(value):
    moving = np.full((30, 1), value)
    summary = summarized(moving, 5)
    assert summary["fell_by_at_least"] == {"per_step": None, "per_token_step": None}
    assert summary["still_for"]["5"]["exposure"] == 0
    assert (tabled(moving)["exposure"] == 0).all()


def test_octaves_of_the_table_hold_all_exposure_once():
    moving = np.random.default_rng(4).random((300, 5)) < 0.05
    found, columns = followed(moving), tabled(moving)
    assert columns["exposure"].sum() == found.exposure.sum()
    of_all = permanence.follow(of_elements(moving), 300)
    assert columns["element_exposure"].sum() == of_all.exposure.sum()
    assert columns["still_from"][:3].tolist() == [1, 2, 4]
    assert columns["still_to"][:3].tolist() == [1, 3, 7]
    for before in ("", "element_"):
        of = {name: columns[f"{before}{name}"].dropna() for name in permanence.RATES}
        assert (of["rate"] <= of["upper_bound"]).all()
        assert (of["upper_bound_as_seen"] <= of["upper_bound"]).all()
        assert (of["poisson_upper_bound"] <= of["upper_bound_as_seen"]).all()
        assert (of["lower_bound"] <= of["poisson_lower_bound"]).all()


def drawn(moving, path, kind="png"):
    with style.applied():
        drawing = figure.draw(tabled(moving), summarized(moving, 10), "Planted", width_mm=120)
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
    columns = tabled(frozen_from(100))
    rates, watched = drawn(frozen_from(100), tmp_path / "a.png").axes
    drawn_lines = [line.get_ydata().tolist() for line in rates.lines]
    for before, (dots, bounds) in zip(
        ("", "element_"), (drawn_lines[:2], drawn_lines[2:]), strict=True
    ):
        assert dots == [rate for rate in columns[f"{before}rate"] if rate > 0]
        pairs = zip(columns[f"{before}upper_bound"], columns[f"{before}resumed"], strict=True)
        assert bounds == [bound for bound, resumed in pairs if not resumed]
        assert len(bounds) > 0
    assert watched.lines[0].get_ydata().tolist() == columns["exposure"].tolist()
    assert watched.lines[2].get_ydata().tolist() == columns["element_exposure"].tolist()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        drawn(frozen_from(100), tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.fixture
def files(tmp_path):
    """5 tokens that move until step 100 with their first element; their others move less."""
    moving = frozen_from(100)
    moved = of_elements(moving)
    weights = np.concatenate([np.ones((1, 5, ELEMENTS)), 1 + (np.cumsum(moved, axis=0) % 2)])
    ids = np.array([1, 2, 4, 5, 7])
    l2 = np.where(moving, 3.0, 0).astype(np.float32)
    write_file(tmp_path / "d.safetensors", {"l2": l2, "token_ids": ids})
    write_masks(tmp_path / "masks.safetensors", [0, 1, 1, 0, 1, 1, 0, 1])
    write_file(tmp_path / "t.safetensors", {"W": bits_of(weights), "dead_indices": ids})
    return [
        *("--displacement", tmp_path / "d.safetensors"),
        *("--trajectory", tmp_path / "t.safetensors"),
        *("--masks", tmp_path / "masks.safetensors"),
    ]


SETTINGS = {"motion_threshold": THRESHOLD, "still_for": [10, 100], "confidence": 0.95}
SETTINGS |= {"naming": "crucible", "block_steps": 10}


def test_scripts_from_displacement_to_picture(files, tmp_path):
    outputs = [("--table", tmp_path / "a.csv"), ("--summary", tmp_path / "a.json")]
    tables = [word for pair in outputs for word in pair]
    done = run_script("compute_permanence", "--settings", SETTINGS, *files, *tables)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "a.json").read_text())
    expected = summarized(frozen_from(100), 10, 100)
    assert summary == json.loads(json.dumps(expected))
    with open(tmp_path / "a.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    columns = tabled(frozen_from(100))
    for name in ("exposure", "element_exposure", "element_resumed"):
        assert [int(row[name]) for row in rows] == columns[name].tolist()
    look = {"title": "Planted", "width_mm": 120, "dpi": 60}
    picture = tmp_path / "a.png"
    done = run_script("draw_permanence", "--settings", look, *tables, "--figure", picture)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d", {"loss": np.zeros(3, np.float32)}, "no l2, token_ids in this file"),
        (
            "d",
            {"l2": np.ones((9, 5), np.float32), "token_ids": np.arange(5)},
            "give the files of one run",
        ),
        ("t", {"loss": np.zeros(5, np.float32)}, "no rows of tokens in this file"),
    ],
)
def test_files_of_another_run_are_refused(files, tmp_path, name, content, message):
    write_file(tmp_path / f"{name}.safetensors", content)
    outputs = "--table", tmp_path / "made/a.csv", "--summary", tmp_path / "made/a.json"
    done = run_script("compute_permanence", "--settings", SETTINGS, *files, *outputs)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr
    assert not (tmp_path / "made").exists()
