import csv
import json
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted import bits_of, run_script, write_masks
from tokenizers import Tokenizer, models, pre_tokenizers

from deadtokens.figures import style
from deadtokens.files.trajectory import write_file
from deadtokens.freezing import draw_freezing as freezing_figure
from deadtokens.freezing import freezing
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


def later_than(time, steps):
    """How a token's last motion counts: what never froze comes after all others."""
    return None if time == steps else time


@given(displacements, st.integers(1, 4))
def test_last_motion_against_brute_force(values, rows):
    chunks = [(i, values[i : i + rows]) for i in range(0, len(values), rows)]
    assert freezing.last_motion(chunks, 0.1).tolist() == plain_last(values)


@given(displacements)
def test_survival_against_brute_force(values):
    last = plain_last(values)
    scripts = ["Thai" if i % 3 else "CJK" for i in range(len(last))]
    found = freezing.survival(np.array(last), scripts, len(values))
    assert found["step"].tolist() == list(range(1, len(values) + 1))
    for name in ("all", *set(scripts)):
        group = [t for t, script in zip(last, scripts, strict=True) if name in ("all", script)]
        shares = [sum(t >= step for t in group) / len(group) for step in found["step"]]
        np.testing.assert_allclose(found[name], shares, atol=1e-12)


@given(displacements)
def test_freeze_times_against_brute_force(values):
    last, steps = plain_last(values), len(values)
    found = freezing.freeze_times(np.array(last), steps)
    assert found["never_frozen"] == sum(t == steps for t in last)
    assert found["never_moved"] == sum(not (column >= TENTH).any() for column in values.T)
    assert found["median"] == later_than(statistics.median_low(last), steps)
    assert found["min"] == later_than(min(last), steps)
    assert found["max"] == later_than(max(last), steps)
    for name, percent in freezing.PERCENTILES.items():  # the first that so many have reached
        reached = next(
            t for t in sorted(last) if 100 * sum(x <= t for x in last) >= percent * len(last)
        )
        assert found[name] == later_than(reached, steps)


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
    found = freezing.summary(ids, scripts, norm, last, 100, 0.1)
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
    found = freezing.summary(ids, scripts, ids / 10, last, 50, 0.1)
    drawing = drawn(freezing.survival(last, scripts, 50), found, tmp_path / "freezing.png")
    headline = drawing.get_suptitle()
    assert found["correlation_with_initial_norm"] is None
    if "still" in kind:
        assert (found["fimbulwinter_duration"], found["never_moved"]) == (50, len(last))
        assert "ever moves" in headline
    elif "none" in kind or "never" in kind:
        assert (found["fimbulwinter_duration"], found["median"]) == (0, None)
        assert f"all {len(last)} dead tokens move at the last" in headline
    else:
        assert found["min"] == found["median"] == found["max"] == last[0]
        assert f"move last at steps {last[0]} to {last[0]}" in headline


def test_a_run_that_ends_too_early_says_so(tmp_path):
    last, scripts = np.array([3, 8, 10]), ["Thai"] * 3
    found = freezing.summary(np.arange(3), scripts, np.arange(3.0), last, 10, 0.1)
    drawing = drawn(freezing.survival(last, scripts, 10), found, tmp_path / "freezing.png")
    assert "2 of 3 dead tokens are still at the last of 10 steps" in drawing.get_suptitle()


def drawn(survival, summary, path, kind="png"):
    with style.applied():
        drawing = freezing_figure.draw(survival, summary, "Planted", width_mm=120)
        style.save(drawing, path, kind, dpi=80)
    return drawing


def test_the_figure_shows_the_statistics(tmp_path):
    ids, scripts, norm, last = planted()
    summary = freezing.summary(ids, scripts, norm, last, 100, 0.1)
    survival = freezing.survival(last, scripts, 100)
    drawing = drawn(survival, summary, tmp_path / "freezing.png")
    curves, by_script, by_norm, by_id = drawing.axes
    assert curves.lines[-1].get_ydata().tolist() == survival["all"].tolist()
    dots = [line for line in by_script.lines if line.get_marker() == "o"]
    medians = [times["median"] for times in summary["by_script"].values()]
    assert [dot.get_xdata()[0] for dot in dots] == medians
    assert f"{summary['correlation_with_initial_norm']:.2f}" in by_norm.get_title(loc="left")
    dots = [line for line in by_id.lines if line.get_marker() == "o"]
    assert [dot.get_ydata()[0] for dot in dots] == [group["median"] for group in summary["by_id"]]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    ids, scripts, norm, last = planted(40)
    for name in ("a", "b"):
        summary = freezing.summary(ids, scripts, norm, last, 100, 0.1)
        drawn(freezing.survival(last, scripts, 100), summary, tmp_path / name, kind)
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
    return run_script("compute_freezing", "--settings", settings, *files, *outputs)


def test_scripts_from_trajectory_to_picture(files, tmp_path):
    done = compute(files, tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "freezing.csv", newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    assert header == [
        *("token_id", "token", "script", "id_rank", "initial_norm", "initial_norm_rank"),
        *("last_motion_step", "steps_still"),
        *("initial_norm_relative", "initial_norm_relative_rank"),
    ]
    # Rows (3, 0), (3, 4), (0, -4) have the mean (2, 0).
    relative = [math.sqrt(1), math.sqrt(1 + 16), math.sqrt(4 + 16)]
    np.testing.assert_allclose([float(row[8]) for row in rows], relative)
    assert [row[9] for row in rows] == ["1.0", "2.0", "3.0"]
    assert [row[:8] for row in rows] == [
        ["1", "q", "Latin", "1", "3.0", "1.0", "2", "2"],
        ["2", "ก", "Thai", "2", "5.0", "3.0", "4", "0"],
        ["4", ",", "other", "3", "4.0", "2.0", "-1", "4"],
    ]
    found = json.loads((tmp_path / "freezing.json").read_text())
    assert (found["global_last_motion"], found["never_frozen"], found["never_moved"]) == (4, 1, 1)
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
