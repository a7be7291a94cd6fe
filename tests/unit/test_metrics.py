"""The long form of loss, motion and phases, against the wide tables that it is made of."""

import math

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


def test_tables_of_another_run_are_refused(made):
    folder, naming, _ = made
    summary = documents.read(folder / "phases.json")
    (folder / ".provenance").rename(folder / "records")
    text = (folder / "phases.json").read_text()
    (folder / "phases.json").write_text(text.replace(f'"steps": {T},', f'"steps": {T + 1},', 1))
    assert summary["steps"] == T
    done = write(folder, naming)
    assert done.returncode == 1
    assert f"expected {'BF16' if naming == 'wordybird' else 'F32'} (11)" in done.stderr
    assert "Traceback" not in done.stderr
    (folder / "phases.json").write_text(text)
    wide = pd.read_csv(folder / "phases.csv").drop(columns="element_cold")
    tables.write(folder / "phases.csv", wide)
    done = write(folder, naming)
    assert done.returncode == 1
    assert "has no column element_cold" in done.stderr
