"""The long form of loss, motion and phases, against the wide tables that it is made of."""

import math
import re
import sys
import types

import numpy as np
import pandas as pd
import planted
import pytest

from deadtokens.files import documents, storage, tables
from deadtokens.phases import metrics

SETTINGS = (
    '{"phases": ["Cold", "Warm and wet"], "thresholds": [20], "vanishing_fraction": 0.01, '
    '"motion_threshold": 0.5, "population": "dead", '
    '"density_bins": {"time": 10, "displacement": 10, "lowest": 1e-4, "highest": 1e6}}'
)
T = 9


@pytest.fixture(params=["crucible", "thimble", "wordybird"])
def made(request, tmp_path):
    """The files of a run of each series, its loss in float32 or bfloat16."""
    loss = np.float32([math.nan, *np.linspace(5, 4, T)])
    loss[4] = math.nan  # a run that went wrong
    rows = {"W": planted.cooling_weights(T, 6, 8), "loss": loss}
    naming = request.param
    planted.write_series(tmp_path / "trajectory", naming, rows)
    with storage.open_reader(tmp_path / "trajectory") as file:
        loss = file.read("loss" if naming == "crucible" else "losses")
    if loss.dtype == np.uint16:
        loss = [planted.plain_value(int(bits)) for bits in loss]
    moved = planted.measure_dead(
        tmp_path / "trajectory", naming, np.ones(6, bool), tmp_path / "displacement.safetensors"
    )
    classified = planted.run_script(
        *("classify_phases", "--settings", SETTINGS, "--displacement", moved),
        *("--table", tmp_path / "phases.csv", "--summary", tmp_path / "phases.json"),
        *("--density", tmp_path / "density.safetensors"),
    )
    assert classified.returncode == 0, classified.stderr
    return tmp_path, naming, loss


def write(folder, naming):
    files = {"trajectory": "trajectory", "phases": "phases.csv", "summary": "phases.json"}
    words = [word for name, file in files.items() for word in (f"--{name}", folder / file)]
    given = f'{{"naming": "{naming}"}}'
    return planted.run_script(
        "write_metrics", "--settings", given, *words, "--metrics", folder / "metrics.csv"
    )


def test_every_value_is_that_of_the_tables(made):
    folder, naming, loss = made
    done = write(folder, naming)
    assert done.returncode == 0, done.stderr
    wide = tables.read(folder / "phases.csv")
    expected = []
    for step in range(1, T + 1):
        of_step = wide[wide["step"] == step].iloc[0]
        values = {
            "loss": loss[step],
            "moving": of_step["moving"],
            "element/Cold": of_step["element_cold"],
            "element/Warm and wet": of_step["element_warm_and_wet"],
            "vector/Cold": of_step["vector_cold"],
            "vector/Warm and wet": of_step["vector_warm_and_wet"],
        }
        expected += [(step, n, float(v)) for n, v in values.items() if not math.isnan(v)]
    found = tables.read(folder / "metrics.csv", metrics.COLUMNS, text=("name",))
    assert [*found.itertuples(index=False, name=None)] == expected
    assert len(found) == 6 * T - 1
    assert found["value"].nunique() > T


class Recorder:
    """Stands for what both tools give: a context manager that takes values by step."""

    def __init__(self, *_, **__):
        self.taken = Recorder.taken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def add_scalar(self, name, value, step):
        self.taken[step, name] = value

    def log(self, values, step):
        self.taken |= {(step, name): value for name, value in values.items()}


@pytest.mark.parametrize("tool", ["tensorboard", "wandb"])
def test_the_words_of_the_docs_import_every_value(tmp_path, monkeypatch, tool):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame(
        {"step": [1, 1, 2], "name": ["loss", "moving", "loss"], "value": [5, 1, 4.5]}
    )
    path = tmp_path / "results/crucible2/metrics.csv"
    path.parent.mkdir(parents=True)
    tables.write(path, table)
    stand_in = types.ModuleType("stand_in")
    stand_in.SummaryWriter = stand_in.init = Recorder
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    page = (planted.SCRIPTS.parents[1] / "docs/notebook.md").read_text()
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if tool in c]
    Recorder.taken = {}
    exec(code, {})
    assert Recorder.taken == {(1, "loss"): 5, (1, "moving"): 1, (2, "loss"): 4.5}


@pytest.mark.parametrize("made", ["wordybird"], indirect=True)
def test_tables_of_another_run_are_refused(made):
    folder, naming, _ = made
    summary = documents.read(folder / "phases.json")
    (folder / ".provenance").rename(folder / "records")
    text = (folder / "phases.json").read_text()
    (folder / "phases.json").write_text(text.replace(f'"steps": {T},', f'"steps": {T + 1},', 1))
    assert summary["steps"] == T
    done = write(folder, naming)
    assert done.returncode == 1
    assert "expected BF16 (11)" in done.stderr
    assert "Traceback" not in done.stderr
    (folder / "phases.json").write_text(text)
    wide = pd.read_csv(folder / "phases.csv").drop(columns="element_cold")
    tables.write(folder / "phases.csv", wide)
    done = write(folder, naming)
    assert done.returncode == 1
    assert "has no column element_cold" in done.stderr
