"""The figures by which runs are compared, against the notebook's own lines."""

import json
import re

import numpy as np
import pytest
import torch
from planted import bits_of, run_script, write_masks

from deadtokens.comparison import comparison, published, summary
from deadtokens.files.trajectory import write_file
from deadtokens.recorded import naming as names
from deadtokens.recorded import ranges
from deadtokens.report import runs_page


def in_chunks(values: np.ndarray, size: int):
    return ((start, values[start : start + size]) for start in range(0, len(values), size))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("first_row", [0, 1, 2])
def test_ranges_are_those_of_the_whole_array(size, first_row):
    values = np.random.default_rng(1).normal(size=(7, 5, 3)).astype(np.float32)
    values[0] = 0  # as moments are before the first step
    norms = np.sqrt((values[first_row:].astype(float) ** 2).sum(axis=2))
    means = values[first_row:].astype(float).sum(axis=2) / 3
    found = ranges.norm_range(in_chunks(values, size), first_row)
    assert found == pytest.approx([norms.min(), norms.max()], rel=1e-6)
    found = ranges.mean_range(in_chunks(values, size), first_row)
    assert found == pytest.approx([means.min(), means.max()], rel=1e-5, abs=1e-7)


def test_unigram_entropy_of_even_counts_is_the_log_of_their_number():
    counts = np.array([3, 0, 3, 3, 0, 3])
    assert summary.unigram_entropy(counts) == pytest.approx(np.log(4))
    assert summary.unigram_entropy(np.array([7, 0])) == 0


def test_unigram_entropy_is_the_loss_of_the_frequencies_themselves():
    tokens = np.array([0, 0, 0, 1, 1, 2])
    counts = np.bincount(tokens)
    loss = -np.mean([np.log(counts[token] / len(tokens)) for token in tokens])
    assert summary.unigram_entropy(counts) == pytest.approx(loss)


PHASE = {"vanished": {"first": None}, "majority": {"first": None}}
PHASES = {
    "steps": 2,
    "phases": ["cold", "warm", "hot"],
    "vanishing_fraction": 0.02,
    "scales": {
        "element": {
            "phases": {
                "cold": PHASE | {"majority": {"first": 4}},
                "warm": PHASE,
                "hot": PHASE | {"vanished": {"first": 3}},
            }
        }
    },
    "motion": {"tokens_moving_at_last_step": 5, "last_motion_step": 2},
}
FREEZING = {"still_for": 100, "min": 1, "median": None, "max": None}
STILLNESS = {"count": 4, "longest": [{"length": length} for length in (9, 3, 2, 1)]}


def test_figures_of_motion_are_those_of_the_tables():
    figures = summary.of_motion(PHASES, FREEZING, STILLNESS, np.array([7.0, 0.5]))
    assert figures == {
        "mean_displacement_at_first_step": 7.0,
        "mean_displacement_at_last_step": 0.5,
        "tokens_moving_at_last_step": 5,
        "hottest_phase": "hot",
        "vanishing_fraction": 0.02,
        "hottest_phase_vanished": 3,
        "half_still": 4,
        "last_motion": 2,
        "freezing": [1, None, None],
        "still_for": 100,
        "stillness_runs": 4,
        "longest_stillness": [9, 3, 2],
    }


def test_net_displacement_is_the_mean_of_the_lengths():
    first = np.zeros((2, 3), np.float32)
    last = np.array([[3, 4, 0], [0, 0, -1]], np.float32)
    assert summary.net_displacement(first, last) == 3


def test_separation_is_the_notebooks():
    """Crucible 3's own lines: the norm of the difference of the two centroids."""
    random = np.random.default_rng(4)
    live, dead = random.normal(0.01, 0.02, (50, 8)), random.normal(-0.01, 0.02, (30, 8))
    W_live, W_dead = torch.from_numpy(live), torch.from_numpy(dead)
    expected = torch.norm(W_dead.mean(dim=0) - W_live.mean(dim=0)).item()
    assert summary.separation(live, dead) == pytest.approx(expected, rel=1e-12)
    assert summary.separation(live + 1, dead + 1) == pytest.approx(expected)  # of clouds alone


@pytest.mark.parametrize(
    ("record", "rows", "steps", "expected"),
    [
        (["W", "m"], "all", 500, {}),
        (["W"], "all", 499, {"separation_later": "run too short (499 steps)"}),
        (["W"], "dead", 500, {"separation_later": "live rows not recorded"}),
        (["m"], "all", 500, {"freezing": "W not recorded", "separation_later": "W not recorded"}),
    ],
)
def test_what_is_not_there_says_why(record, rows, steps, expected):
    found = summary.absent(steps, record, rows, 500)
    assert expected.items() <= found.items()
    assert bool(found) == bool(expected)
    if "W" not in record:
        missing = {"last_motion", "freezing", "stillness_runs", "net_displacement"}
        of_all = {"separation_at_start", "separation_later", "net_displacement_relative"}
        assert found.keys() == missing | of_all


@pytest.mark.parametrize("naming", ["crucible", "thimble", "wordybird"])
def test_script_measures_rows_of_every_series(tmp_path, naming):
    """Rows 1 and 3 are dead. Row 0 of moments is zeros, that of Crucible's gradients is step 1."""
    dead = np.array([0, 1, 0, 1, 0], bool)
    random = np.random.default_rng(7)
    values = {name: random.normal(0, 0.1, (6, 5, 4)) for name in "Wmvg"}
    for name in "mv":
        values[name][0] = 0
    values["g"][1] *= 10  # the first step's: it has the longest
    bits = {name: bits_of(value) for name, value in values.items()}
    exact = {name: (b.astype(np.uint32) << 16).view(np.float32) for name, b in bits.items()}
    stored = names.stored(naming)
    if naming == "crucible":
        arrays = {name: bits[name] if name == "W" else exact[name] for name in "Wmv"}
        arrays["g"] = exact["g"][1:]
    else:
        arrays = {stored[name].name: bits[name] for name in "Wmvg"}
        arrays[stored["g"].name][0] = 0
    write_file(tmp_path / "t.safetensors", arrays)
    masks = write_masks(tmp_path / "masks.safetensors", dead)
    settings = {"naming": naming, "rows": "all", "separation_step": 5}
    files = "--trajectory", tmp_path / "t.safetensors", "--masks", masks
    output = tmp_path / "rows.json"
    done = run_script("measure_rows", "--settings", settings, *files, "--summary", output)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())
    of_dead = {name: value[:, dead].astype(float) for name, value in exact.items()}
    for name, key in (("m", "momentum_norm"), ("g", "gradient_norm")):
        norms = np.linalg.norm(of_dead[name][1:], axis=2)
        assert found[key] == pytest.approx([norms.min(), norms.max()], rel=1e-6), name
    means = of_dead["v"][1:].mean(axis=2)
    assert found["mean_variance"] == pytest.approx([means.min(), means.max()], rel=1e-5)
    moved = np.linalg.norm(of_dead["W"][-1] - of_dead["W"][0], axis=1).mean()
    assert found["net_displacement"] == pytest.approx(moved)
    exact["W"] = exact["W"].astype(float)
    seen = exact["W"] - exact["W"].mean(axis=1, keepdims=True)
    moved = np.linalg.norm((seen[-1] - seen[0])[dead], axis=1).mean()
    assert found["net_displacement_relative"] == pytest.approx(moved)
    for key, t in (("separation_at_start", 0), ("separation_later", 5)):
        centroids = [exact["W"][t, which].mean(axis=0) for which in (dead, ~dead)]
        distance = np.linalg.norm(np.subtract(*centroids))
        assert found[key] == pytest.approx(distance, rel=1e-5)


def test_table_has_a_column_for_the_published_figures_of_these_experiments_alone():
    published = {"E": {"steps": 500, "gradient_norm": [1e-5, 1e-3]}, "F": {"steps": 1}}
    table = comparison.markdown(published, {"mine": {"experiment": "E", "half_still": None}})
    lines = table.splitlines()
    assert lines[0] == "|  | E, published | `mine` |"
    assert "| steps | 500 | not given |" in lines
    assert "| range of &#124;g&#124;₂ | 1.00e-05 to 1.00e-03 | not given |" in lines
    assert "| first step with half of the tokens still | not given | never |" in lines
    assert len({line.count(" | ") for line in lines}) == 1


ABSENT = {"experiment": "F"}


def test_the_hottest_phase_has_the_name_and_the_fraction_of_the_scheme():
    gas = {"hottest_phase": "Gas", "vanishing_fraction": 0.005, "hottest_phase_vanished": 142}
    known = {"E": gas | {"hottest_phase_vanished": 7}}
    alike = comparison.markdown(known, {"mine": gas | {"experiment": "E"}, "other": ABSENT})
    assert "| first step with Gas below 0.5% | 7 | 142 | not given |" in alike.splitlines()
    hot = {"hottest_phase": "Hot", "vanishing_fraction": 0.2, "hottest_phase_vanished": None}
    apart = comparison.markdown(known, {"mine": hot | {"experiment": "E"}, "other": ABSENT})
    assert (
        "| first step with the hottest phase vanished | 7 (Gas below 0.5%) "
        "| never (Hot below 20%) | not given |"
    ) in apart.splitlines()


MINE = {
    "experiment": "E",
    "steps": 500,
    "final_loss": 5.7249,
    "last_motion": 499,
    "freezing": [300, 310, 399],
    "still_for": 100,
    "stillness_runs": 2,
    "longest_stillness": [1500, 1],
    "net_displacement": 0.4339,
    "net_displacement_relative": 0.25,
    "separation_at_start": 0.003481,
    "separation_later": 0.21,
    "separation_step": 500,
    "absent": {},
}


def row(figures, known=None):
    """The cells of the last line of the table."""
    return published.markdown(known or {}, {"mine": figures}).splitlines()[-1].split(" | ")


def test_a_run_stands_below_the_published_figures_of_its_experiment():
    known = {"E": {"steps": 500, "final_loss": 6.1562, "freezing": [1, 2, 3]}, "F": {"steps": 1}}
    text = published.markdown(known, {"mine": MINE, "other": MINE | {"experiment": "G"}})
    head, _, above, mine, other = text.splitlines()
    assert "live/dead separation at t = 500" in head
    assert above.startswith("| E, published | 500 | 6.16 | not given | 1 / 2 / 3 | not given |")
    assert mine == (
        "| `mine` | 500 | 5.72 | 499 | 300 / 310 / 399 | 2: 1,500, 1 "
        "| 0.00348 | 0.21 | 0.434 | 0.250 |"
    )
    assert other == mine.replace("mine", "other")
    assert {line.count(" | ") for line in text.splitlines()} == {9}


def test_two_runs_of_an_experiment_share_its_published_line():
    text = published.markdown({"E": {"steps": 1}}, {"a": MINE, "b": MINE})
    assert text.count("E, published") == 1


@pytest.mark.parametrize(
    ("changed", "place", "expected"),
    [
        ({"last_motion": 500}, 3, "500 (the last step)"),
        ({"last_motion": -1}, 3, "none at all"),
        ({"freezing": [None] * 3}, 4, "none known to stop by 400"),
        ({"freezing": [None] * 3, "still_for": 500}, 4, "run too short to know"),
        ({"freezing": [300, 390, None]}, 4, "300 / 390 / after 400"),
        ({"freezing": [-1, 390, None]}, 4, "never moved / 390 / after 400"),
        ({"stillness_runs": 0, "longest_stillness": []}, 5, "none"),
    ],
)
def test_what_did_not_happen_is_put_in_words(changed, place, expected):
    assert row(MINE | changed)[place] == expected


def test_what_is_not_recorded_is_put_in_words():
    figures = {name: MINE[name] for name in ("experiment", "steps", "final_loss")}
    figures |= {"separation_step": 500, "absent": {"freezing": "W not recorded"}}
    assert row(figures)[3:6] == ["not given", "W not recorded", "not given"]


def test_page_of_runs_has_the_cells_of_the_table_and_escapes_its_header():
    text = runs_page.page({"E": {"steps": 1}}, {"mine": MINE})
    head, first, second = re.findall(r"<tr.*?>(.*?)</tr>", text, re.DOTALL)
    assert "<th>mean |W[T] − W[0]|₂</th>" in head
    assert first.split()[:3] == ["<td>E,", "published</td>", "<td>1</td>"]
    assert second.split()[0] == "<td>mine</td>"
    cells = published.table({}, {"mine": MINE}).iloc[0].tolist()
    assert re.findall(r"<td>(.*?)</td>", second) == cells
