import csv
import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from planted import run_script

from deadtokens.errors import UserError
from deadtokens.figures import pictures, style
from deadtokens.files.trajectory import write_file
from deadtokens.permanence import draw_stillness as stillness_figure
from deadtokens.permanence import stillness

THRESHOLD = {"motion_threshold": 0.1, "population": "dead", "still_for": 4}
moving_counts = st.lists(st.sampled_from([0, 0, 1, 3]), min_size=1, max_size=40).map(np.array)


def seeds_runs(n_moving) -> list[int]:
    """Crucible 1's own loop: lengths in the order of time."""
    found, current = [], 0
    for moving in n_moving:
        if not moving:
            current += 1
        else:
            if current > 0:
                found.append(current)
            current = 0
    return found + ([current] if current > 0 else [])


def summary(n_moving, still_for=1):
    return stillness.summary(np.array(n_moving), 3, 0.1, still_for)


@given(moving_counts)
def test_runs_against_the_seeds_loop(n_moving):
    starts, lengths = stillness.runs(n_moving)
    assert lengths.tolist() == seeds_runs(n_moving)
    inside = {
        start + i for start, length in zip(starts, lengths, strict=True) for i in range(length)
    }
    assert inside == {t for t, moving in enumerate(n_moving, start=1) if not moving}


@given(moving_counts)
def test_statistics_against_the_seeds_formulas(n_moving):
    lengths = sorted(seeds_runs(n_moving), reverse=True)
    found = summary(n_moving)
    assert found["count"] == len(lengths)
    assert [run["length"] for run in found["longest"]] == lengths[:10]
    assert found["still_steps"] == sum(lengths)
    if lengths:
        assert found["mean"] == pytest.approx(sum(lengths) / len(lengths))
        assert found["median"] == statistics.median_high(lengths)
    if len(lengths) > 1:
        assert found["longest_over_second"] == lengths[0] / lengths[1]
    for run in found["longest"]:
        assert run["end"] - run["start"] + 1 == run["length"]
        assert (n_moving[run["start"] - 1 : run["end"]] == 0).all()


def test_statistics_by_hand():
    found = summary([1, 0, 0, 2, 0, 3, 0, 0, 0, 0, 1, 0])
    assert [(run["start"], run["end"]) for run in found["longest"]] == [
        (7, 10),
        (2, 3),
        (5, 5),
        (12, 12),
    ]
    assert found["final"] == {"start": 12, "end": 12, "length": 1, "final": True}
    assert [run["final"] for run in found["longest"]] == [False, False, False, True]
    assert found["longest_over_second"] == 2
    assert found["final_over_longest_other"] == 0.25
    assert (found["mean"], found["median"], found["fewest_moving"]) == (2, 2, 0)


def test_still_from_the_start():
    found = summary([0] * 7)
    assert (
        found["final"] == found["longest"][0] == {"start": 1, "end": 7, "length": 7, "final": True}
    )
    assert found["longest_over_second"] is found["final_over_longest_other"] is None


def test_a_final_run_that_is_too_short_may_be_a_pause(tmp_path):
    n_moving = np.array([1, 0, 2, 0, 0, 0])
    assert summary(n_moving, 3)["stopped"]
    found = summary(n_moving, 4)
    assert (found["stopped"], found["final"]["length"]) == (False, 3)
    assert not summary([0, 0, 0, 1])["stopped"]
    table = stillness.table(*stillness.runs(n_moving))
    with style.applied():
        drawing = stillness_figure.draw(table, found, "Planted", width_mm=120)
    assert "too short for a stop (4)" in drawing.get_suptitle().replace("\n", " ")


def test_never_still():
    found = summary([2, 1, 5])
    assert (found["count"], found["longest"], found["fewest_moving"]) == (0, [], 1)
    assert found["mean"] is found["median"] is found["final"] is None


def drawn(n_moving, path, kind="png", still_for=1):
    table = stillness.table(*stillness.runs(np.array(n_moving)))
    with style.applied():
        drawing = stillness_figure.draw(
            table, summary(n_moving, still_for), "Planted", width_mm=120
        )
        style.save(drawing, path, kind, dpi=80)
    return drawing


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("n_moving", "title"),
    [
        ([1, 0, 0, 2, 0, 3, 0, 0, 0, 0], "3 still runs, the final one of 4 steps is 2 times any"),
        ([1, 0, 0, 2, 0, 3], "2 still runs, none of them lasts to step 6"),
        ([0] * 7, "1 still run, from step 1 to the last"),
        ([0], "1 still run, from step 1 to the last"),
        ([2, 1, 5], "not one of 3 steps is still"),
    ],
)
def test_the_figure_says_what_is_seen(n_moving, title, tmp_path):
    drawing = drawn(n_moving, tmp_path / "stillness.png")
    assert title in drawing.get_suptitle()


def test_every_run_is_drawn_at_its_place(tmp_path):
    drawing = drawn([1, 0, 0, 2, 0, 3, 0, 0, 0, 0], tmp_path / "stillness.png")
    segments = [bar for bars in drawing.axes[1].collections for bar in bars.get_segments()]
    assert [np.array(segment).tolist() for segment in segments] == [
        [[1.5, 2], [3.5, 2]],
        [[4.5, 1], [5.5, 1]],
        [[6.5, 4], [10.5, 4]],
    ]
    curve = drawing.axes[0].lines[0]
    assert curve.get_xdata().tolist() == [1, 1, 2, 4]
    assert curve.get_ydata().tolist() == [3, 3, 2, 1]


@pytest.mark.parametrize(("n_moving", "n_final"), [([0, 1, 0, 0], 1), ([0, 1, 0, 0, 1], 0)])
def test_only_a_run_that_reaches_the_last_step_is_final(n_moving, n_final, tmp_path):
    bars = drawn(n_moving, tmp_path / "stillness.png").axes[1].collections
    of_colour = {
        to_hex(bar.get_color()[0]): bar.get_segments() for bar in bars if len(bar.get_color())
    }
    assert len(of_colour.get(stillness_figure.FINAL_COLOUR, [])) == n_final
    assert len(of_colour[stillness_figure.EARLIER_COLOUR]) == 2 - n_final


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        drawn([1, 0, 0, 1, 0], tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_unknown_kind_of_picture_is_refused(tmp_path):
    assert pictures.kind_of(tmp_path / "a.PDF") == "pdf"
    with pytest.raises(UserError, match=r"known are \.png, \.pdf, \.svg"):
        pictures.kind_of(tmp_path / "a.bmp")


def test_scripts_from_displacement_to_picture(tmp_path):
    """Planted: nothing moves at steps 3, 4 and from 7 on; just under the threshold is no motion."""
    below = np.nextafter(np.float32(0.1), np.float32(0))
    l2 = np.full((9, 2), below, np.float32)
    l2[[0, 1, 4], 0] = 5
    l2[5, 1] = np.float32(0.1)
    l2[7, 0] = np.nan
    write_file(tmp_path / "d.safetensors", {"l2": l2})
    table, report = tmp_path / "stillness.csv", tmp_path / "stillness.json"
    files = "--table", table, "--summary", report
    source = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_stillness", "--settings", THRESHOLD, *source, *files)
    assert done.returncode == 0, done.stderr
    with table.open(newline="") as lines:
        assert list(csv.reader(lines)) == [["start", "length"], ["3", "2"], ["7", "3"]]
    n_moving = (l2 >= np.float32(0.1)).sum(axis=1)
    assert json.loads(report.read_text()) == stillness.summary(n_moving, 2, 0.1, 4)
    look = {"title": "Planted", "width_mm": 120, "dpi": 80}
    picture = tmp_path / "stillness.png"
    done = run_script("draw_stillness", "--settings", look, *files, "--figure", picture)
    assert done.returncode == 0, done.stderr
    drawn(n_moving, tmp_path / "by_hand.png", still_for=4)
    assert picture.read_bytes() == (tmp_path / "by_hand.png").read_bytes()


def test_a_file_of_another_step_is_refused(tmp_path):
    write_file(tmp_path / "d.safetensors", {"W": np.zeros((3, 2), np.float32)})
    outputs = "--table", tmp_path / "made/a.csv", "--summary", tmp_path / "made/a.json"
    source = "--displacement", tmp_path / "d.safetensors"
    done = run_script("compute_stillness", "--settings", THRESHOLD, *source, *outputs)
    assert done.returncode == 1
    assert "no l2 in this file" in done.stderr
    assert not (tmp_path / "made").exists()
