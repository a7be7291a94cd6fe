"""What people do with a finished run: the notebook of the docs, and the import of metrics.csv."""

import csv
from collections import Counter

import nbformat
import pytest
import smoke

NOTEBOOK = smoke.ROOT / "docs/a_run_in_ten_cells.ipynb"


def test_the_notebook_runs_on_a_finished_run(finished):
    nbclient = pytest.importorskip("nbclient", reason="pip install -r requirements.txt")
    book = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(code) == 10
    assert not any(cell.outputs for cell in code)
    folder = finished.root / "docs"
    folder.mkdir()
    before = {p: p.stat().st_mtime_ns for p in (finished.root / "results").rglob("*")}
    nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    shown = [[output.get("data", {}) for output in cell.outputs] for cell in code]
    assert "Crucible 2, crucible2: 40 steps" in shown[0][0]["text/plain"]
    assert "Thai" in shown[2][0]["text/html"]
    assert "image/png" in shown[5][0]
    assert (folder / "going_together.png").read_bytes().startswith(b"\x89PNG")
    assert {p: p.stat().st_mtime_ns for p in (finished.root / "results").rglob("*")} == before


def test_metrics_are_made_by_name_and_follow_the_phases(finished):
    name = "results/crucible2/metrics.csv"
    finished.run(name)
    with open(finished.root / name, newline="", encoding="utf-8") as lines:
        rows = [*csv.DictReader(lines)]
    steps = Counter(row["name"] for row in rows)
    assert set(steps.values()) == {40}
    assert {*steps} == {"loss", "moving"} | {
        f"{scale}/{phase}"
        for scale in ("element", "vector")
        for phase in ("Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas")
    }
    changes = "phases: {published: {thresholds: [0.2, 10, 100]}}"
    assert finished.planned(name, changes=changes) == {"classify_phases", "write_metrics"}
