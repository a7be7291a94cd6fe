import csv
import json
import math
import statistics

import numpy as np
import pytest
import scipy.stats  # noqa: F401  before any test, which would else wait for it
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted import bits_of, run_script, write_masks
from tokenizers import Tokenizer, models, pre_tokenizers

from deadtokens import lattice
from deadtokens.census import formats
from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.freezing import draw_freezing as freezing_figure
from deadtokens.freezing import elements, freezing, stopping
from deadtokens.statistics import correlation
from deadtokens.text import readable

TENTH = np.float32(0.1)
BELOW = np.nextafter(TENTH, np.float32(0))
displacements = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 12)),
    elements=st.sampled_from([0, 0, 0, float(BELOW), float(TENTH), 5, math.inf, math.nan]),
)


def plain_last(values) -> list[int]:
    """docs/physics.md, to the letter."""
    return [
        max((t for t, value in enumerate(column, start=1) if value >= TENTH), default=-1)
        for column in values.T.tolist()
    ]


IDS = np.array([1, 2, 4])


def rules(steps, still_for=1):
    """Still for a step alone counts as stopped, unless stated otherwise."""
    return freezing.Rules(steps, still_for, 0.95)


def one_each(last):
    """Tokens of a single element, which moves when they do."""
    return np.asarray(last)[:, None]


def known(time, steps, still_for=1):
    """A quantile that falls on this last motion: None where it may only be a pause."""
    return time if steps - max(time, 0) >= still_for else None


@given(displacements, st.integers(1, 4))
def test_last_motion_against_brute_force(values, rows):
    chunks = [(i, values[i : i + rows]) for i in range(0, len(values), rows)]
    assert freezing.last_motion(chunks, 0.1).tolist() == plain_last(values)


@given(displacements, st.integers(1, 4))
def test_survival_against_brute_force(values, still_for):
    last, steps = plain_last(values), len(values)
    scripts = ["Thai" if i % 3 else "CJK" for i in range(len(last))]
    found = freezing.survival_table(
        np.array(last), scripts, one_each(last), rules(steps, still_for)
    )
    assert found["step"].tolist() == list(range(1, steps + 1))
    seen = [sum(t >= step for t in last) / len(last) for step in found["step"]]
    np.testing.assert_allclose(found["seen_to_move"], seen, atol=1e-12)
    for name in ("all", "elements", *set(scripts)):
        group = last
        if name in scripts:
            group = [t for t, script in zip(last, scripts, strict=True) if name == script]
        # No stop can be seen later than still_for steps before the end: then nothing is said.
        seen = [step - 1 <= steps - still_for for step in found["step"]]
        shares = [
            sum(t >= step for t in group) / len(group) if known else math.nan
            for step, known in zip(found["step"], seen, strict=True)
        ]
        np.testing.assert_allclose(found[name], shares, atol=1e-12)


@given(displacements, st.integers(1, 4))
def test_freeze_times_against_brute_force(values, still_for):
    last, steps = plain_last(values), len(values)
    found = freezing.freeze_times(np.array(last), rules(steps, still_for))
    late = sum((values[-still_for:, i] >= TENTH).any() for i in range(len(last)))
    assert found["censored"] == (late if steps >= still_for else len(last))
    assert found["stopped"] + found["censored"] == found["tokens"] == len(last)
    assert found["never_moved"] == sum(not (column >= TENTH).any() for column in values.T)
    assert found["median"] == known(statistics.median_low(last), steps, still_for)
    assert found["min"] == known(min(last), steps, still_for)
    assert found["max"] == known(max(last), steps, still_for)
    for name, percent in freezing.PERCENTILES.items():  # the first that so many have reached
        reached = next(
            t for t in sorted(last) if 100 * sum(x <= t for x in last) >= percent * len(last)
        )
        assert found[name] == known(reached, steps, still_for)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=15))
def test_ranks_against_brute_force(values):
    for value, rank in zip(values, correlation.ranks(np.array(values)), strict=True):
        places = [place for place, x in enumerate(sorted(values), start=1) if x == value]
        assert rank == statistics.fmean(places)


def test_correlation_has_its_closed_form():
    """1 - 6 Σd² / (n (n² - 1)) where nothing is tied."""
    second = np.array([2, 1, 4, 3, 5, 7, 6])
    d = second - np.arange(1, 8)
    closed = 1 - 6 * (d @ d) / (7 * 48)
    assert correlation.spearman(np.arange(7) ** 3, second * 10) == pytest.approx(closed)
    assert correlation.spearman(np.ones(7), second) is None


def planted(n=200, steps=100, seed=3):
    """Short rows freeze first, ids say nothing: (ids, scripts, norm, last)."""
    random = np.random.default_rng(seed)
    norm = random.uniform(0.1, 0.2, n)
    last = np.rint(20 + 600 * (norm - 0.1) + random.normal(0, 2, n)).astype(int)
    scripts = ["Thai" if x < 0.15 else "CJK" for x in norm]
    return random.permutation(n), scripts, norm, np.clip(last, 1, steps)


def test_planted_dependence_is_found_and_no_other():
    ids, scripts, norm, last = planted()
    found = freezing.summary(ids, scripts, norm, last, one_each(last), rules(100), 0.1)
    assert found["correlation_with_initial_norm"] > 0.95
    assert abs(found["correlation_with_id"]) < 0.2
    medians = [group["median"] for group in found["by_initial_norm"]]
    assert medians == sorted(medians)
    assert medians[-1] - medians[0] > 40
    assert found["by_script"]["Thai"]["max"] < found["by_script"]["CJK"]["median"]
    assert sum(group["tokens"] for group in found["by_id"]) == 200
    assert found["global_last_motion"] == last.max()
    assert found["fimbulwinter_duration"] == 100 - last.max()


AWKWARD = {
    "all still from the start": np.full(30, -1),
    "none frozen": np.full(30, 50),
    "one token": np.array([17]),
    "one token, still": np.array([-1]),
    "one token, never frozen": np.array([50]),
    "all at one step": np.full(30, 20),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", AWKWARD)
def test_awkward_runs_are_summarized_and_drawn(kind, tmp_path):
    last = AWKWARD[kind]
    ids, scripts = np.arange(len(last)), ["Thai"] * len(last)
    found = freezing.summary(ids, scripts, ids / 10, last, one_each(last), rules(50), 0.1)
    survival = freezing.survival_table(last, scripts, one_each(last), rules(50))
    drawing = drawn(survival, found, tmp_path / "freezing.png")
    headline = drawing.get_suptitle()
    assert found["correlation_with_initial_norm"] is None
    if "still" in kind:
        assert (found["fimbulwinter_duration"], found["never_moved"]) == (50, len(last))
        assert "ever moves" in headline
    elif "none" in kind or "never" in kind:
        assert (found["fimbulwinter_duration"], found["median"]) == (0, None)
        assert f"none of {len(last)} dead tokens has stopped by step 49 of 50" in headline
    else:
        assert found["min"] == found["median"] == found["max"] == last[0]
        assert f"move last at steps {last[0]} to {last[0]}" in headline


def test_a_run_that_ends_too_early_says_so(tmp_path):
    last, scripts = np.array([3, 8, 10]), ["Thai"] * 3
    for still_for, title in (
        (1, "2 of 3 dead tokens have stopped by step 9 of 10"),
        (3, "1 of 3 dead tokens have stopped by step 7 of 10"),
        (10, "3 dead tokens, too few steps (10) to tell a stop from a pause"),
        (90, "3 dead tokens, too few steps (10) to tell a stop from a pause"),
    ):
        of = np.arange(3), scripts, np.arange(3.0), last, one_each(last), rules(10, still_for)
        found = freezing.summary(*of, 0.1)
        assert (found["too_short"] is not None) == (still_for >= 10)
        assert found["stopped"] == (10 - last >= still_for).sum()
        curve = freezing.survival_table(last, scripts, one_each(last), rules(10, still_for))
        drawing = drawn(curve, found, tmp_path / "freezing.png")
        assert title in drawing.get_suptitle().replace("\n", " ")


def drawn(survival, summary, path, kind="png"):
    with style.applied():
        drawing = freezing_figure.draw(survival, summary, "Planted", width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing


def test_the_figure_shows_the_statistics(tmp_path):
    ids, scripts, norm, last = planted()
    of_elements = np.stack([np.maximum(last - 40, 1), last], axis=1)
    summary = freezing.summary(ids, scripts, norm, last, of_elements, rules(100, 30), 0.1)
    survival = freezing.survival_table(last, scripts, of_elements, rules(100, 30))
    drawing = drawn(survival, summary, tmp_path / "freezing.png")
    curves, counted, by_script, by_norm, by_id = drawing.axes
    shares = [of["share_stopped"]["value"] for of in summary["elements"]["by_number_counted"]]
    assert counted.lines[-1].get_ydata().tolist() == shares
    assert shares[0] == 1 > shares[1] == summary["share_stopped"]["value"]
    dotted = next(line for line in curves.lines if line.get_label() == "stop or pause")
    assert dotted.get_xdata().tolist() == list(range(72, 101))  # step 71 is the last known
    assert dotted.get_ydata().tolist() == survival["seen_to_move"][71:].tolist()
    np.testing.assert_array_equal(curves.lines[-1].get_ydata(), survival["all"])
    dots = [line for line in by_script.lines if line.get_marker() == "o"]
    medians = [times["median"] or 100 for times in summary["by_script"].values()]
    assert [dot.get_xdata()[0] for dot in dots] == medians
    assert f"{summary['correlation_with_initial_norm']:.2f}" in by_norm.get_title(loc="left")
    dots = [line for line in by_id.lines if line.get_marker() == "o"]
    assert [dot.get_ydata()[0] for dot in dots] == [
        group["median"] or 100 for group in summary["by_id"]
    ]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    ids, scripts, norm, last = planted(40)
    for name in ("a", "b"):
        summary = freezing.summary(ids, scripts, norm, last, one_each(last), rules(100, 9), 0.1)
        curve = freezing.survival_table(last, scripts, one_each(last), rules(100, 9))
        drawn(curve, summary, tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def tokenizer(*entries, of_bytes=False):
    made = Tokenizer(models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[]))
    if of_bytes:
        made.pre_tokenizer = pre_tokenizers.ByteLevel()
    made.add_special_tokens([entries[0]])
    return made


def test_tokens_are_named_as_people_read_them():
    kind = tokenizer("<|end|>", "the", "ก", ",", '"')
    assert readable.describe(kind, [4, 2, 0, 1]) == (
        ['"', "ก", "<|end|>", "the"],
        ["other", "Thai", "special", "Latin"],
    )
    of_bytes = tokenizer("<|end|>", "Ġthe", "à¸ģ", "à¸", of_bytes=True)
    assert readable.describe(of_bytes, range(1, 4)) == (
        [" the", "ก", "à¸"],
        ["Latin", "Thai", "partial"],
    )


@pytest.fixture
def files(tmp_path):
    """Three tokens: one stops at step 2, one never, one never moves. Norms 3, 5 and 4."""
    l2 = np.array([[5, 1, 0], [TENTH, 2, BELOW], [0, 3, 0], [BELOW, 9, np.nan]], np.float32)
    weights = np.zeros((5, 3, 2))
    weights[:] = [[3, 0], [3, 4], [0, -4]]
    weights[4, 1, 1] = 5  # of the second token an element moves at the last step
    ids = np.array([1, 2, 4])
    write_file(tmp_path / "d.safetensors", {"l2": l2, "token_ids": ids})
    write_masks(tmp_path / "masks.safetensors", [0, 1, 1, 0, 1])
    write_file(tmp_path / "t.safetensors", {"W": bits_of(weights), "dead_indices": ids})
    tokenizer("<|end|>", "q", "ก", "x", ",").save(str(tmp_path / "tokenizer.json"))
    return [
        *("--displacement", tmp_path / "d.safetensors"),
        *("--trajectory", tmp_path / "t.safetensors"),
        *("--masks", tmp_path / "masks.safetensors"),
        *("--tokenizer", tmp_path / "tokenizer.json"),
    ]


def compute(files, folder):
    names = {"table": "freezing.csv", "survival": "survival.csv", "summary": "freezing.json"}
    outputs = [word for key, name in names.items() for word in (f"--{key}", folder / name)]
    settings = {"motion_threshold": 0.1, "naming": "crucible", "population": "dead"}
    settings |= {"still_for": 2, "confidence": 0.95}
    return run_script("compute_freezing", "--settings", settings, *files, *outputs)


def test_scripts_from_trajectory_to_picture(files, tmp_path):
    done = compute(files, tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "freezing.csv", newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    assert header == [
        *("token_id", "token", "script", "id_rank", "initial_norm", "initial_norm_rank"),
        *("last_motion_step", "steps_still", "censored"),
        *("initial_norm_relative", "initial_norm_relative_rank"),
    ]
    # Rows (3, 0), (3, 4), (0, -4) have the mean (2, 0).
    relative = [math.sqrt(1), math.sqrt(1 + 16), math.sqrt(4 + 16)]
    np.testing.assert_allclose([float(row[9]) for row in rows], relative)
    assert [row[10] for row in rows] == ["1.0", "2.0", "3.0"]
    assert [row[:9] for row in rows] == [
        ["1", "q", "Latin", "1", "3.0", "1.0", "2", "2", "0"],
        ["2", "ก", "Thai", "2", "5.0", "3.0", "4", "0", "1"],
        ["4", ",", "other", "3", "4.0", "2.0", "-1", "4", "0"],
    ]
    found = json.loads((tmp_path / "freezing.json").read_text())
    assert (found["global_last_motion"], found["censored"], found["never_moved"]) == (4, 1, 1)
    assert (found["elements"]["elements"], found["elements"]["stopped"]) == (6, 5)
    assert {*found["elements"]["at_power_of_two"]} == {
        *("by_chance", "initial", "stopped", "censored")
    }
    assert (found["min"], found["median"], found["max"]) == (-1, 2, None)
    # By last motion they are second, third and first; by norm 1, 3, 2 as stored and 1, 2, 3.
    assert found["correlation_with_initial_norm"] == pytest.approx(1 - 6 * (1 + 0 + 1) / 24)
    assert found["correlation_with_initial_norm_relative"] == pytest.approx(
        1 - 6 * (1 + 1 + 4) / 24
    )
    assert found["relative_to_mean_of"] == "dead"
    picture = tmp_path / "freezing.png"
    sources = "--survival", tmp_path / "survival.csv", "--summary", tmp_path / "freezing.json"
    look = {"title": "Planted", "width_mm": 120, "dpi": 80}
    done = run_script("draw_freezing", "--settings", look, *sources, "--figure", picture)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d", {"l2": np.ones((3, 3), np.float32), "token_ids": IDS}, "give the files of one run"),
        ("d", {"l2": np.ones((4, 2), np.float32), "token_ids": IDS[:2]}, "the files of one run"),
        ("d", {"l2": np.ones((4, 3), np.float32), "token_ids": IDS - 1}, "of the same tokens"),
        ("t", {"W": np.zeros((5, 2, 2), np.uint16)}, "do not belong together"),
        ("t", {"loss": np.zeros(5, np.float32)}, "no rows of tokens in this file"),
        (
            "masks",
            {"dead_mask": np.array([0, 1, 1, 0, 0, 1], bool), "dead_indices": np.array([1, 2, 5])},
            "give the files of one run",
        ),
    ],
)
def test_files_of_different_runs_are_refused(files, tmp_path, name, content, message):
    write_file(tmp_path / f"{name}.safetensors", content)
    done = compute(files, tmp_path / "made")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr
    assert not (tmp_path / "made").exists()


def test_a_tokenizer_of_another_corpus_is_refused(files, tmp_path):
    tokenizer("<|end|>", "q", "ก", "x").save(str(tmp_path / "tokenizer.json"))
    done = compute(files, tmp_path / "made")
    assert done.returncode == 1
    assert "tokens reach 4, but the tokenizer has 4 entries" in done.stderr


def test_a_pause_shortly_before_the_end_is_no_stop():
    """Every token rests for 60 steps out of 100 and moves again: none stops."""
    steps, tokens = 450, 50
    start = np.random.default_rng(5).integers(100, size=tokens)
    moving = (np.arange(1, steps + 1)[:, None] + start) % 100 < 40
    last = freezing.last_motion([(0, moving.astype(np.float32))], 0.1)
    assert (last < steps).sum() > tokens / 4  # still at the last step, and only paused
    found = freezing.freeze_times(last, rules(steps, still_for=100))
    assert (found["stopped"], found["censored"]) == (0, tokens)
    assert found["share_stopped"]["low"] == 0 < found["share_stopped"]["high"]
    assert all(found[name] is None for name in freezing.PERCENTILES)
    # Those that do stop, in time, are found, and the others are censored as before.
    moving[200:, :20] = False
    last = freezing.last_motion([(0, moving.astype(np.float32))], 0.1)
    found = freezing.freeze_times(last, rules(steps, still_for=100))
    assert (found["stopped"], found["censored"]) == (20, 30)
    assert found["max"] is None
    assert found["p25"] == sorted(last)[-(-tokens // 4) - 1] <= 200


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))
def test_who_has_stopped_by_the_definition(last, steps, still_for):
    """Still throughout the last still_for steps of the run, which has so many at least."""
    moved = [step <= last for step in range(1, steps + 1)]
    by_definition = steps >= still_for and not any(moved[-still_for:])
    last = np.array([min(last, steps) or -1])
    assert stopping.stopped(last, steps, still_for).tolist() == [by_definition]
    assert (stopping.too_short(steps, still_for) is None) == (steps > still_for)


def test_a_power_of_two_is_where_cells_change_their_size():
    """Of every bit pattern, by the values beside it; the census, of any format, says the same."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    found = elements.at_power_of_two(bits)
    assert (found == formats.at_power_of_two(bits, formats.BFLOAT16)).all()
    for number in (*range(1, 600), *range(0x3F00, 0x4100), 0x7F00, 0x7F7F, 0x7F80, 0x7FC0):
        below, at, above = (
            float(lattice.to_float32(np.array([n], np.uint16))[0])
            for n in range(number - 1, number + 2)
        )
        expected = math.isfinite(above) and above - at != at - below
        if number < 0x7F7F:
            assert found[number] == found[number | 0x8000] == expected


def test_where_elements_come_to_rest():
    steps, still_for = 20, 10
    last = np.array([[5, 20], [-1, 10], [12, 3]])
    initial = np.array([[True, False], [False, False], [False, False]])
    final = np.array([[True, True], [False, True], [True, False]])
    found = freezing.at_powers_of_two(initial, final, last, rules(steps, still_for))
    assert found["by_chance"] == 1 / 128
    assert found["initial"]["value"] == 1 / 6
    assert found["stopped"]["value"] == 2 / 4  # of (0, 0), (1, 0), (1, 1), (2, 1)
    assert found["censored"]["value"] == 1
    assert found["stopped"]["low"] < 0.5 < found["stopped"]["high"] < 1
    none = freezing.at_powers_of_two(initial, final, np.full((3, 2), 20), rules(steps, still_for))
    assert none["stopped"] == {"value": None, "low": None, "high": None}


def test_elements_against_brute_force():
    """Last motions of elements, and tokens of the first k of them alone, one by one."""
    random = np.random.default_rng(6)
    steps, tokens, width, still_for = 30, 25, 8, 10
    ends = random.integers(0, steps + 1, (tokens, width))
    change = random.random((steps, tokens, width)) < 0.5
    change &= np.arange(1, steps + 1)[:, None, None] <= ends
    last = elements.last_motion(iter(change))
    for token in range(tokens):
        for place in range(width):
            moved = [t for t in range(1, steps + 1) if change[t - 1, token, place]]
            assert last[token, place] == max(moved, default=-1)
    found = freezing.of_elements(last, rules(steps, still_for))
    assert found["stopped"] == (~change[-still_for:].any(axis=0)).sum()
    assert [group["counted"] for group in found["by_number_counted"]] == [1, 2, 4, 8]
    for group in found["by_number_counted"]:
        still = ~change[-still_for:, :, : group["counted"]].any(axis=(0, 2))
        assert group["stopped"] == still.sum()
        share = group["share_stopped"]
        assert share["value"] == still.mean()
        assert 0 <= share["low"] <= share["value"] <= share["high"] <= 1
    # The extreme of eight is later than that of one.
    shares = [group["share_stopped"]["value"] for group in found["by_number_counted"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
