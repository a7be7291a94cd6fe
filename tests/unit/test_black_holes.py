"""Comparisons of black holes: planted arms, mistakes in the configuration, and the program."""

import copy
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import test_configuration
from planted import run_script

from deadtokens.census import black_holes, in_time, null_model, rounding
from deadtokens.census.formats import BFLOAT16
from deadtokens.files import tables
from deadtokens.files.trajectory import write_file
from planning import inputs, slices
from planning.mistakes import ConfigurationError, RequestError

STEPS, TOKENS, ELEMENTS, SPREAD = [0, 4, 9], 60, 4, 2e-5
CLOUD = {
    **{"norm": 0.371, "dimensions": 64, "tokens": 50, "points": 2, "populations": [20, 10]},
    **{"vectors": 10, "black_holes": 3, "black_hole_tokens": 45},
    **{"lowest_spread": 1e-8, "highest_spread": 1e-3},
}


def write_run(folder, seed: int) -> None:
    """A cloud all of whose tokens are pushed by the same, and rounded, as if training had."""
    random = np.random.default_rng(seed)
    cloud = (0.0153 + SPREAD * random.standard_normal((TOKENS, ELEMENTS))).astype(np.float32)
    bits = [rounding.rounded(cloud)]
    for _ in range(9):
        bits.append(null_model.moved(bits[-1], 3e-4 * random.random(ELEMENTS)))
    bits = np.stack(bits)
    folder.mkdir()
    tables.write(folder / "census.csv", in_time.follow([(0, bits)], BFLOAT16, 1000))
    model = null_model.NullModel(cloud, 1000, 20)
    for state in bits:
        model.add(state)
    tables.write(folder / "null.csv", model.table())
    write_file(folder / "centres.safetensors", {"centre": np.stack(model.centres)})


def compared(folder, seeds, **changes):
    runs = [{"run": f"run_{seed}", "seed": seed} for seed in seeds]
    arm = {"arm": "planted", "spread": SPREAD, "along_spread": True, "changes": {}, "runs": runs}
    rules = {"steps": STEPS, "draws": 4000, "clouds": 20, "random_seed": 1, "ranks": 20}
    settings = rules | {"arms": [arm], "published_cloud": CLOUD} | changes
    files = {"censuses": "census.csv", "nulls": "null.csv", "centres": "centres.safetensors"}
    given = [
        part
        for option, name in files.items()
        for part in (f"--{option}", *(folder / str(seed) / name for seed in seeds))
    ]
    return run_script(
        *("compute_black_holes", "--settings", settings, *given),
        *("--table", folder / "t.csv", "--summary", folder / "s.json"),
    )


def test_planted_clouds_are_compared_with_themselves(tmp_path):
    for seed in (1, 2, 3):
        write_run(tmp_path / str(seed), seed)
    done = compared(tmp_path, (1, 2, 3))
    assert done.returncode == 0, done.stderr
    table = tables.read(tmp_path / "t.csv", text=("arm", "source")).set_index(["source", "step"])
    assert [*table.loc["training"].index] == STEPS
    plain = [tables.read(tmp_path / f"{s}/census.csv", text=("populations",)) for s in (1, 2, 3)]
    for step in STEPS:
        row = table.loc["training", step]
        assert row["seeds"] == 3
        assert row["vectors"] == pytest.approx(np.mean([of["vectors"][step] for of in plain]))
        assert row["vectors_low"] <= row["vectors"] <= row["vectors_high"] <= TOKENS
        met = np.mean([of["coalescences"][: step + 1].sum() for of in plain])
        assert row["coalescences"] == pytest.approx(met)
        # What was planted is the null model that is pushed.
        other = table.loc["pushed", step]
        assert row["vectors":"at_power_of_two_high"].equals(other["vectors":"at_power_of_two_high"])
    first = table.xs(0, level="step")["vectors"]
    assert first["formula"] == pytest.approx(first["training"], rel=0.15)
    assert first["at_once"] == first["training"]
    summary = json.loads((tmp_path / "s.json").read_text("utf-8"))
    arm = summary["arms"]["planted"]
    assert (arm["tokens"], arm["elements"], arm["seeds"]) == (TOKENS, ELEMENTS, [1, 2, 3])
    assert arm["errors"]["pushed"]["vectors"]["mean"] == 0
    assert [arm["common_update"][name]["mean"] for name in ("elements", "tokens")] == [1, 1]
    at_once = [
        of[of["reading"] == "at_once"]["vectors"].iloc[9]
        for of in (
            tables.read(tmp_path / f"{seed}/null.csv", text=black_holes.TEXT) for seed in (1, 2, 3)
        )
    ]
    logs = [math.log2(n / of["vectors"][9]) for n, of in zip(at_once, plain, strict=True)]
    assert arm["errors"]["at_once"]["vectors"]["mean"] == pytest.approx(np.mean(logs))
    assert arm["errors"]["formula"]["vectors"]["mean"] == pytest.approx(np.mean(logs), abs=0.3)
    for source in black_holes.SOURCES:
        for name, found in arm["at_last_step"][source].items():
            row = table.loc[source, 9][[name, f"{name}_low", f"{name}_high"]]
            assert [found["mean"], found["low"], found["high"]] == pytest.approx([*row])
    first = [int(of["populations"][9].split()[0]) for of in plain]
    assert arm["populations"]["training"][0]["mean"] == pytest.approx(np.mean(first))
    sizes = [one for of in arm["populations"].values() for one in of]
    assert all(0 <= one["low"] <= one["mean"] <= one["high"] <= TOKENS for one in sizes)
    off = [min(map(plain_octaves, of["populations"])) for of in plain]
    assert arm["octaves_off_published"]["training"] == pytest.approx(off)
    assert arm["octaves_off_published"]["training"] == arm["octaves_off_published"]["pushed"]
    cloud = summary["published_cloud"]
    assert cloud["spreads"]["vectors"]["seeds"] == 2
    assert {*cloud["octaves_off_published"]} == {"vectors", "black_holes", "black_hole_tokens"}
    assert all(0 < of["low"] <= of["high"] for of in cloud["octaves_off_published"].values())


def plain_octaves(populations: str, tokens: int = TOKENS) -> float:
    sizes = [*map(int, populations.split()), 0, 0]
    return max(
        abs(math.log2(max(size, 0.5) / tokens / (wanted / CLOUD["tokens"])))
        for size, wanted in zip(sizes, CLOUD["populations"], strict=False)
    )


def test_octaves_off_the_published_populations():
    published = {"tokens": 100, "populations": [40, 20, 10]}
    sizes = [[80, 40, 20, 9], [80, 80, 20, 9], [80, 40, 5, 0], [200, 0, 0, 0]]
    found = black_holes.octaves_off(np.array(sizes), 200, published)
    assert found.tolist() == [0.0, 1.0, 2.0, pytest.approx(math.log2(80))]
    assert black_holes.octaves_off(np.array([160]), 200, published) == 1
    table = pd.DataFrame(
        {"populations": ["1 1", "80 80 20", "80 40 20 9"], "vectors": 200, "black_holes": 0}
    ).assign(black_hole_tokens=0)
    assert black_holes.nearest(table, 1, 20, published) == 1
    assert black_holes.nearest(table, 2, 20, published) == 0


def test_one_seed_has_no_interval_and_bad_files_are_refused(tmp_path):
    write_run(tmp_path / "1", 1)
    assert compared(tmp_path, (1,)).returncode == 0
    table = tables.read(tmp_path / "t.csv", text=("arm", "source"))
    assert table[[f"{name}_low" for name in black_holes.NUMBERS]].isna().all(axis=None)
    assert "one random seed" in json.loads((tmp_path / "s.json").read_text("utf-8"))["intervals"]
    late = compared(tmp_path, (1,), steps=[0, 10])
    assert late.returncode == 1
    assert "expected a row for every step from 0 to 10 at least, found 10 rows" in late.stderr
    runs = [{"run": name, "seed": number} for number, name in enumerate("ab")]
    arm = {"arm": "a", "spread": 1e-5, "along_spread": True, "changes": {}, "runs": runs}
    few = compared(tmp_path, (1,), arms=[arm])
    assert "--censuses: 1 files for 2 runs; give one for each run" in few.stderr
    assert "Traceback" not in few.stderr + late.stderr


ARMS = {"near": ["point", "point_43"], "far": ["far"]}
RUNS = {
    "point": {
        **{"like": "crucible1", "init": "point", "init_spread": 1e-5},
        **{"total_steps": 1500, "record": ["W"]},
    },
    "point_43": {"like": "point", "random_seed": 43},
    "far": {"like": "point", "init_spread": 1e-3},
    "float32": {"like": "point", "weight_precision": "float32"},
}


def resolved(runs=None, **entry):
    changed = copy.deepcopy(RUNS)
    for name, keys in (runs or {}).items():
        changed.setdefault(name, {}).update(keys)
    given = {"arms": ARMS, "steps": [0, 1500]} | entry
    return test_configuration.resolved(
        runs=test_configuration.DEFAULT["runs"] | changed, black_holes={"holes": given}
    )


MISTAKES = {
    "an unknown run": (
        {"arms": {"near": ["pont"]}},
        {},
        "black_holes.holes.arms.near is 'pont', no entry of runs. Did you mean point?",
    ),
    "a run of another kind": (
        {"arms": {"near": ["point", "float32"]}},
        {"float32": {"random_seed": 43}},
        "has float32, whose weight_precision is float32; allowed: that of point, bfloat16, for it "
        "is one in runs of one arm. Set runs.float32.weight_precision, or take float32 out.",
    ),
    "another text": (
        {},
        {"point_43": {"corpus": "wordybird"}},
        "has point_43, whose corpus is wordybird; allowed: that of point, flannel",
    ),
    "no weights": (
        {},
        {"far": {"record": ["v"]}},
        r"black_holes.holes.arms.far has far. far has record: \[v\].* add it to runs.far.record",
    ),
    "a resumed run": (
        {"arms": {"near": ["wordybird1b_everything"]}, "steps": [0]},
        {},
        "wordybird1b_everything has resume_run: wordybird1b. The null model moves the cloud that",
    ),
    "a run without what its rows have in common": (
        {},
        {"far": {"weight_precision": "centred"}},
        "far has weight_precision: centred, which rounds W without what its rows have in common",
    ),
    "a step beyond the run": (
        {"steps": [0, 1501]},
        {},
        r"black_holes.holes.steps has 1501, but of its runs have fewer steps: point \(1500\)",
    ),
    "a seed twice": (
        {},
        {"point_43": {"random_seed": 42}},
        "has point and point_43, both with random_seed: 42; allowed: runs that differ in it.",
    ),
    "spreads the wrong way": (
        {"published_cloud": {"lowest_spread": 1e-4}},
        {},
        "published_cloud.lowest_spread is 0.0001; allowed: less than highest_spread, 1e-05",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_reported_with_what_is_allowed(name):
    entry, runs, message = MISTAKES[name]
    with pytest.raises(ConfigurationError) as error:
        resolved(runs, **copy.deepcopy(entry))
    assert re.search(message, str(error.value)), error.value
    assert len(str(error.value).splitlines()) == 1


def test_arms_of_unequal_seeds_are_allowed_and_a_job_is_given_its_own():
    configured = resolved()
    asked = {"black_holes": "holes"}
    names = [f"results/{name}/x" for name in ("point", "point_43", "far")]
    assert inputs.of_black_holes(configured, asked, "x") == names
    arms = slices.black_holes(configured, asked)["arms"]
    assert [(arm["spread"], arm["along_spread"]) for arm in arms] == [(1e-5, True), (1e-3, True)]
    assert arms[1]["changes"] == {"init_spread": 1e-3}
    assert slices.figure(configured, asked)["title"] == "Crucible"
    with pytest.raises(RequestError, match=r"'hole' is no entry of black_holes. Did you mean hol"):
        inputs.of_black_holes(configured, {"black_holes": "hole"}, "x")
    adopted = resolved({"other": {"like": "point", "trajectory_file": "mine.safetensors"}})
    with pytest.raises(RequestError, match=r"other has trajectory_file: mine.safetensors, so it"):
        inputs.trajectory(adopted, {"run": "other"}, "null_census_in_time")
