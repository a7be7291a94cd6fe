"""The census in real Snakemake: of a model's folder, of a run, and of the run in time."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

CHANGES = """
census:
  model: {folder: the model}
  frozen: {source: run, run: crucible2}
  begin: {source: run, run: crucible2, step: 0}
  late: {source: run, run: crucible2, step: 40}
"""
PICTURES = [
    *(f"results/census/{name}/census.png" for name in ("model", "frozen")),
    "results/crucible2/census_in_time.png",
]
PAGE = "results/census/model/explorer.html"


def test_a_model_and_a_run_are_counted_and_followed(finished):
    random = np.random.default_rng(0)
    rows = random.normal(0, 1e-6, (60, 48)).astype(np.float32)
    rows[5:15] = 0.01171875  # the middle of a binade
    rows[20:23] = rows[5]
    rows[20:23, 3] = np.float32(0.01171875 + 2.0**-14)  # one lattice step of bfloat16
    (finished.root / "the model").mkdir()
    finished.write("the model/config.json", '{"tie_word_embeddings": true}')
    save_file(
        {"model.embed_tokens.weight": rows, "model.norm.weight": rows[0]},
        finished.root / "the model/model.safetensors",
    )
    finished.run(*PICTURES, PAGE, changes=CHANGES)
    for name in PICTURES:
        assert (finished.root / name).read_bytes().startswith(b"\x89PNG")
    summary = json.loads((finished.root / "results/census/model/census.json").read_text("utf-8"))
    readings = summary["matrices"]["input"]["readings"]
    assert {name: found["populations"] for name, found in readings.items()} == {
        "float32": [10, 3],
        "bfloat16": [10, 3],
    }
    assert [found["adjacency"]["pairs"] for found in readings.values()] == [0, 1]

    weights = load_file(finished.root / "results/crucible2/trajectory.safetensors")["W"]
    with (finished.root / "results/crucible2/census_in_time.csv").open(newline="") as file:
        table = [*csv.DictReader(file)]
    assert len(table) == len(weights) == 41
    for row, state in zip(table, weights, strict=True):
        sizes = Counter(vector.tobytes() for vector in state).values()
        holes = [size for size in sizes if size > 1]
        found = [int(row[n]) for n in ("vectors", "black_holes", "black_hole_tokens")]
        assert found == [len(sizes), len(holes), sum(holes)]
    summary = json.loads((finished.root / "results/census/frozen/census.json").read_text("utf-8"))
    last = summary["matrices"]["W"]["readings"]["bfloat16"]
    assert last["vectors"] == int(table[-1]["vectors"])
    assert summary["run"] == {"run": "crucible2", "naming": "crucible", "step": 40}
    with (finished.root / "results/census/frozen/tokens.csv").open(newline="") as file:
        tokens = [*csv.DictReader(file)]
    assert len(tokens) == weights.shape[1]
    assert {row["dead"] for row in tokens} == {"1"}

    page = (finished.root / PAGE).read_text("utf-8")
    assert '"census":"model"' in page
    assert page.count('<script type="text/plain" id="column-') > 10

    # A rule of one census computes that one again, a file of the model too; nothing else.
    assert finished.planned(*PICTURES, PAGE, changes=CHANGES) == set()
    other = CHANGES.replace("the model}", "the model, exponent_cut: 4}")
    again = {"compute_census", "draw_census", "write_census_page"}
    assert finished.planned(*PICTURES, PAGE, changes=other) == again
    save_file(
        {"model.embed_tokens.weight": rows + 1}, finished.root / "the model/model.safetensors"
    )
    assert finished.planned(*PICTURES, changes=CHANGES) == {"compute_census", "draw_census"}

    (finished.root / "the model/model.safetensors").rename(finished.root / "the model/weights.bin")
    output = finished.failure(PICTURES[0], "--dry-run", changes=CHANGES)
    assert "census.model: the model/weights.bin: pickled weights" in output
    late = CHANGES.replace("step: 40", "step: 41")
    output = finished.failure(PICTURES[1], "--dry-run", changes=late)
    assert "census.late has run: crucible2. crucible2 has 40 steps, and step 41" in output


HOLES = """
runs:
  point: {like: crucible2, record: [W], init: point, init_spread: 1.0e-5, total_steps: 12}
  point_1: {like: point, random_seed: 1}
  float32: {like: point, weight_precision: float32}
black_holes:
  holes:
    steps: [0, 5, 12]
    draws: 500
    clouds: 3
    arms: {point: [point, point_1], float32: [float32]}
    published_cloud: {points: 2, dimensions: 64, tokens: 200}
report: {runs: [point], kick: [], black_holes: [holes]}
"""


@pytest.mark.slow
def test_black_holes_of_arms_beside_rounding_alone(finished):
    picture = "results/holes/black_holes.png"
    finished.run(picture, changes=HOLES)
    assert (finished.root / picture).read_bytes().startswith(b"\x89PNG")
    weights = load_file(finished.root / "results/point/trajectory.safetensors")["W"]
    other = load_file(finished.root / "results/point_1/trajectory.safetensors")["W"]
    with (finished.root / "results/holes/black_holes.csv").open(newline="") as file:
        table = {(row["arm"], row["source"], row["step"]): row for row in csv.DictReader(file)}
    assert len(table) == 2 * 5 * 3  # arms, sources, steps
    for step in (0, 5, 12):
        seen = [len({row.tobytes() for row in of[step]}) for of in (weights, other)]
        assert float(table["point", "training", str(step)]["vectors"]) == np.mean(seen)
    summary = json.loads((finished.root / "results/holes/black_holes.json").read_text("utf-8"))
    assert summary["arms"]["float32"]["changes"] == {"weight_precision": "float32"}
    # Another number of draws compares again, and moves no cloud.
    more = HOLES.replace("draws: 500", "draws: 600")
    assert finished.planned(picture, changes=HOLES) == set()
    assert finished.planned(picture, changes=more) == {"compute_black_holes", "draw_black_holes"}
    output = finished.failure("results/hole/black_holes.png", "--dry-run", changes=HOLES)
    assert "'hole' is no entry of black_holes. Did you mean holes?" in output
