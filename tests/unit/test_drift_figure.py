"""Drift from a trajectory to its picture: the figure, both scripts, and runs that are refused."""

import csv
import json

import numpy as np
import pytest
from planted import bits_of, run_script
from test_drift import LAGS, SETTINGS, analysed, planted_run, random_run
from tokenizers import Tokenizer, models

from deadtokens import lattice
from deadtokens.drift import draw_drift as drift_figure
from deadtokens.drift import persistence, pointing
from deadtokens.figures import style
from deadtokens.files.trajectory import write_file


def drawn(run, path, kind="png", tokens=("the", "ก", "x"), width_mm=180):
    weights, hidden, mask, _ = run
    _, table, summary = analysed(*run)
    lagged = persistence.autocorrelation(hidden, LAGS, 0.95)
    steps = pointing.chosen_steps([0, 0.2, 1], len(hidden))
    rows = [pointing.top(lattice.to_float32(weights[t]), hidden[t], t, 3) for t in steps]
    number = sum(len(part["step"]) for part in rows)
    names = [tokens[i % len(tokens)] for i in range(number)]
    listed = pointing.described(rows, names, ["Latin"] * number, mask)
    summary |= {"h_mean": persistence.summary(hidden, lagged, 0.95)}
    summary |= {"tokens_pointed_at": pointing.summary(listed)}
    with style.applied():
        drawing = drift_figure.draw(table, lagged, listed, summary, "Planted", width_mm)
        style.save(drawing, path, kind, dpi=60)
    return drawing


def test_the_figure_says_what_is_seen(tmp_path):
    drawing = drawn(planted_run(speed=1 / 16), tmp_path / "drift.png")
    assert "begin at one centroid" in drawing.get_suptitle()
    weights, hidden, mask, loss = planted_run(speed=1 / 16)
    drawing = drawn((weights[1:], hidden[1:], mask, loss[1:]), tmp_path / "drift.png")
    words = "apart, 0.125 to 5.000;\nlive centroid along h_mean: +1.00 as stored, +1.00 relative"
    assert words in drawing.get_suptitle()
    back = (weights[::-1][:-1].copy(), hidden[1:], mask, loss[1:])
    assert "drift together" in drawn(back, tmp_path / "drift.png").get_suptitle()
    still = (np.repeat(weights[1:2], 9, axis=0), hidden[:8], mask, loss[:9])
    assert "along h_mean" not in drawn(still, tmp_path / "drift.png").get_suptitle()


def test_states_at_which_the_origin_leaves_are_marked(tmp_path):
    """The mean of all rows stays where the clouds began, as does the origin."""
    panels = drawn(planted_run(speed=1 / 16), tmp_path / "drift.png").axes
    origins = [panel for panel in panels if "seen from each cloud" in panel.get_title(loc="left")]
    assert [panel.get_title(loc="left") for panel in origins] == [
        "The origin, seen from each cloud",
        "The mean of all rows, seen from each cloud",
    ]
    for origin in origins:
        dots = {line.get_xdata()[0] for line in origin.lines if line.get_marker() == "o"}
        assert dots == {22, 33}


def test_what_depends_on_the_gauge_is_drawn_in_both_readings(tmp_path):
    """A common path along h is seen as stored alone: the clouds themselves move by 1/16 a step."""
    weights, hidden, mask, loss = planted_run(speed=1 / 16)
    common = np.arange(41)[:, None, None] / 16 * np.array([1, 0, 0])
    moved = bits_of(lattice.to_float32(weights) - 3 * common)
    panels = {
        panel.get_title(loc="left"): panel
        for panel in drawn((moved, hidden, mask, loss), tmp_path / "drift.png").axes
    }
    for title, live in (("as stored", -1), ("relative to the mean of all rows", 1)):
        panel = panels[f"Along h_mean, {title}"]
        of_live = [line for line in panel.lines if line.get_label() == "live centroid's step"]
        np.testing.assert_allclose(of_live[0].get_ydata()[:-1], live, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["shortest", "still", "zero h", "odd tokens", "narrow"])
def test_awkward_runs_are_drawn_without_a_warning(kind, tmp_path):
    weights, hidden, mask, loss = random_run(steps=2 if kind == "shortest" else 8)
    if kind == "still":
        weights[:] = weights[0]
    if kind == "zero h":
        hidden[:] = 0
    tokens = ("ก", "中文", "a\nb", "", "$x", "x" * 40, "\x00") if kind == "odd tokens" else ("a",)
    width_mm = 85 if kind == "narrow" else 180
    drawn((weights, hidden, mask, loss), tmp_path / "a.png", tokens=tokens, width_mm=width_mm)


def test_every_list_of_tokens_has_a_name():
    assert [*drift_figure.LISTS] == [*pointing.MEASURES]


def test_names_are_written_in_letters_that_the_font_has():
    assert drift_figure.label("the", "Latin", 5) == "the"
    assert drift_figure.label(" the", "Latin", 5) == "␣the"
    assert drift_figure.label("ก", "Thai", 77) == "Thai 77"
    assert drift_figure.label("\x07", "other", 3) == drift_figure.label("", "other", 3) == "other 3"
    assert drift_figure.label("\u200b", "other", 3) == "other 3"  # the font has it, invisible
    assert drift_figure.label("x" * 40, "Latin", 5) == "x" * 15 + "…"


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_input_gives_the_same_bytes(kind, tmp_path):
    for name in ("a", "b"):
        drawn(random_run(), tmp_path / name, kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def write_run(path, weights, hidden, mask, loss):
    fields = {"W": weights, "h_mean": hidden, "loss": loss, "dead_mask": mask}
    write_file(path, fields | {"dead_indices": np.flatnonzero(mask)})


@pytest.fixture
def files(tmp_path):
    write_run(tmp_path / "t.safetensors", *planted_run(speed=1 / 16))
    entries = ["<|end|>", "q", "ก", "x", ",", "中", "b", "c", "d", "e", '"', "g"]
    made = Tokenizer(models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[]))
    made.add_special_tokens(["<|end|>"])
    made.save(str(tmp_path / "tokenizer.json"))
    source = "--trajectory", tmp_path / "t.safetensors"
    return [*source, "--tokenizer", tmp_path / "tokenizer.json"]


def compute(files, folder, **changes):
    names = {"table": "drift", "autocorrelation": "autocorrelation", "tokens": "tokens"}
    outputs = [word for key, name in names.items() for word in (f"--{key}", folder / f"{name}.csv")]
    outputs += ["--summary", folder / "drift.json"]
    return run_script("compute_drift", "--settings", SETTINGS | changes, *files, *outputs)


def test_scripts_from_trajectory_to_picture(files, tmp_path):
    done = compute(files, tmp_path)
    assert done.returncode == 0, done.stderr
    table, found = analysed(*planted_run(speed=1 / 16))[1:]
    with open(tmp_path / "drift.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 41
    assert list(rows[0]) == list(table)
    for name, column in table.items():
        written = [float(row[name] or "nan") for row in rows]
        np.testing.assert_allclose(written, column, atol=1e-12, err_msg=name)
    summary = json.loads((tmp_path / "drift.json").read_text())
    without_nan = json.loads(json.dumps(found).replace("NaN", "null"))
    assert {name: summary[name] for name in found} == without_nan
    assert summary["h_mean"]["autocorrelation"][0]["mean"] == pytest.approx(1)
    lists = [(entry["step"], entry["by"]) for entry in summary["tokens_pointed_at"]]
    assert lists == [(step, by) for step in (0, 20, 39) for by in pointing.MEASURES]
    with open(tmp_path / "tokens.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    mask = planted_run()[2]
    assert len(rows) == 3 * 3 * 3
    assert [row["cloud"] for row in rows] == [
        "dead" if mask[int(row["token_id"])] else "live" for row in rows
    ]
    assert {(row["token"], row["script"]) for row in rows if row["token_id"] == "2"} <= {
        ("ก", "Thai")
    }
    assert {row["cloud"] for row in rows if row["step"] == "39"} == {"live"}
    look = {"title": "Planted", "width_mm": 120, "dpi": 80}
    sources = "--table", tmp_path / "drift.csv", "--summary", tmp_path / "drift.json"
    sources += "--tokens", tmp_path / "tokens.csv"
    sources += "--autocorrelation", tmp_path / "autocorrelation.csv"
    picture = tmp_path / "drift.png"
    done = run_script("draw_drift", "--settings", look, *sources, "--figure", picture)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def bad(kind):
    weights, hidden, mask, loss = planted_run(steps=4)
    wrong = {"W": weights, "h_mean": hidden, "loss": loss, "dead_mask": mask}
    if kind == "no h_mean":
        del wrong["h_mean"]
    elif kind == "dead rows only":
        wrong["W"] = weights[:, mask]
    elif kind == "of two runs":
        wrong["h_mean"] = hidden[:-1]
    elif kind == "too short":
        wrong |= {"W": weights[:2], "h_mean": hidden[:1], "loss": loss[:2]}
    elif kind == "no dead":
        wrong["dead_mask"] = np.zeros(12, bool)
    elif kind == "no live":
        wrong["dead_mask"] = np.ones(12, bool)
    elif kind == "diverged weights":
        weights[2, 0, 1] = 0x7FC0  # NaN
    elif kind == "diverged h_mean":
        hidden[1, 0] = np.inf
    elif kind == "other tokenizer":
        wrong |= {"W": np.tile(weights, (1, 2, 1)), "dead_mask": np.tile(mask, 2)}
    return wrong


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no h_mean", "no h_mean in this file"),
        ("dead rows only", "needs every row of W. Give a run with `rows: all`"),
        ("of two runs", "not of one run"),
        ("too short", "the run has 1 steps; drift needs 2 at least"),
        ("no dead", "dead_mask marks none of its 12 entries"),
        ("no live", "not one of 12 tokens is live"),
        ("diverged weights", "W[2] holds values that are not finite"),
        ("diverged h_mean", "h_mean of row 1 is not finite"),
        ("other tokenizer", "W has 24 rows, but the tokenizer 12 entries"),
    ],
)
def test_a_wrong_run_is_refused(files, tmp_path, kind, message):
    write_file(tmp_path / "t.safetensors", bad(kind))
    done = compute(files, tmp_path / "made")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert message in done.stderr
    assert not (tmp_path / "made").exists()
