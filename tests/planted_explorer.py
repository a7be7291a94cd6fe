"""A small planted run, and its page to look at tokens with, made by the program."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from deadtokens import displacement, lattice
from deadtokens.files import storage, tables
from deadtokens.files.trajectory import write_file
from deadtokens.freezing import freezing
from deadtokens.recorded.rows import TokenRows, read_dead_mask

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "workflow/scripts/report/write_explorer.py"
PARTS = [
    path
    for folder in ("pages", "explorer")
    for path in sorted((ROOT / "workflow/report" / folder).glob("*.*"))
]
PHASES = ["Fimbulwinter", "Thermal Solid", "Quantum Regime", "Classical Gas"]
THRESHOLDS = [0.1, 10, 100]
ELEMENTS = 4
# What a vocabulary may hold: none of it may be more than text.
ODD = (
    "<script>window.hacked = 1</script>",
    "\"quoted\" & 'so', <b>bold</b>",
    "</script><img src=x onerror='window.hacked = 1'>",
    "שלום",
    "   ",
    "\n\t",
    "😀",
    "ไทย",
    'a,b\r\n"c"',
    "\u202eabc",
    "=1+1",
    "-->",
)


@dataclass
class Planted:
    """A run whose tokens stop one after the other, but for the last, which moves to the end."""

    folder: Path
    steps: int = 300
    texts: tuple[str, ...] = ODD
    moments: bool = True
    dead: np.ndarray = field(init=False)
    weights: np.ndarray = field(init=False)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        n = len(self.texts)
        random = np.random.default_rng(0)
        self.dead = np.ones(n + 2, bool)
        self.dead[:2] = False
        start = random.normal(scale=0.02, size=(n, ELEMENTS)).astype(np.float32)
        size = np.exp(random.normal(size=(self.steps, n, ELEMENTS))) * 1e-3
        size *= np.exp(-np.arange(self.steps) / (self.steps / 6))[:, None, None]
        ends = np.linspace(self.steps / 4, self.steps + 1, n).astype(int)
        size[np.arange(self.steps)[:, None] >= ends] = 0
        sign = random.choice([-1, 1], size.shape)
        path = start + np.concatenate([np.zeros((1, n, ELEMENTS)), np.cumsum(sign * size, axis=0)])
        self.weights = (path.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        self.write()

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def quantities(self) -> dict[str, np.ndarray]:
        """W, and m, v, g as a run of Crucible 2 records them."""
        found = {"W": self.weights}
        if self.moments:
            random = np.random.default_rng(1)
            shape = self.weights.shape
            m, v = random.normal(size=shape), random.exponential(size=shape)
            m[0] = v[0] = 0
            found |= {"m": m, "v": v, "g": random.normal(size=(shape[0] - 1, *shape[1:]))}
        return {k: x if k == "W" else x.astype(np.float32) for k, x in found.items()}

    def write(self) -> None:
        """All files that the page is made of, as their rules leave them."""
        write_file(self.path("trajectory.safetensors"), self.quantities)
        write_file(self.path("masks.safetensors"), {"dead_mask": self.dead})
        with storage.open_reader(self.path("trajectory.safetensors")) as file:
            rows = TokenRows(file, "crucible", self.dead, "dead")
            displacement.measure(rows, self.path("displacement.safetensors"))
        last = freezing.last_motion([(0, self.norms()["l2"])], 0.1)
        norm = np.linalg.norm(lattice.to_float32(self.weights[0]), axis=1)
        ids, scripts = (
            np.flatnonzero(self.dead),
            ["Thai" if t == "ไทย" else "other" for t in self.texts],
        )
        table = freezing.table(
            ids, self.texts, scripts, norm, last, freezing.Rules(self.steps, 20, 0.95)
        )
        tables.write(self.path("freezing.csv"), table.assign(initial_norm_relative=norm / 2))
        distance = np.random.default_rng(2).normal(size=(self.steps, len(self.texts)))
        distance = distance.astype(np.float32)
        named = {"distance": distance, "typical_distance": distance - 1}
        write_file(self.path("distance.safetensors"), named)

    def norms(self) -> dict[str, np.ndarray]:
        """Of the displacement file, (T, n)."""
        with storage.open_reader(self.path("displacement.safetensors")) as file:
            return {name: file.read(name) for name in ("l2", "vector_ulp")}

    def freezing(self) -> pd.DataFrame:
        return tables.read(self.path("freezing.csv"), text=("token", "script"))

    def dead_mask(self) -> np.ndarray:
        return read_dead_mask(self.path("masks.safetensors"))

    def make(self, **changes) -> subprocess.CompletedProcess:
        """Run the program; `changes` are settings, or files under other names."""
        settings = {
            **{"run": "planted", "experiment": "Planted <i>run</i>", "naming": "crucible"},
            **{"phases": PHASES, "thresholds": THRESHOLDS, "motion_threshold": 0.1},
            **{"still_for": 20, "absent": {}, "motion_values": 10**6, "state_values": 10**6},
        }
        files = {
            **{name: f"{name}.safetensors" for name in ("trajectory", "masks", "displacement")},
            **{"freezing": "freezing.csv", "page": "explorer.html"},
        }
        settings |= {key: value for key, value in changes.items() if key in settings}
        files |= {key: value for key, value in changes.items() if key in files}
        words = ["--settings", json.dumps(settings)]
        for option, name in files.items():
            words += [f"--{option}", str(self.path(name))]
        words += ["--parts", *map(str, PARTS)]
        words += ["--distance", str(self.path("distance.safetensors"))] * self.moments
        return subprocess.run(
            [sys.executable, PROGRAM, *words], capture_output=True, text=True, check=False
        )

    def page(self, **changes) -> Path:
        done = self.make(**changes)
        assert done.returncode == 0, done.stderr
        return self.path(changes.get("page", "explorer.html"))

    def failure(self, **changes) -> str:
        """The one message of a call that must end with exit code 1."""
        done = self.make(**changes)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        (line,) = [line for line in done.stderr.splitlines() if "error: " in line]
        return line
