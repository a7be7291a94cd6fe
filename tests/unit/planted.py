"""Planted trajectories, plain definitions to hold the library to, and the memory code takes."""

import importlib.util
import json
import math
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from deadtokens import displacement
from deadtokens.files import storage
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter, write_file
from deadtokens.recorded.naming import stored
from deadtokens.recorded.rows import TokenRows

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


def plain_value(bits: int) -> float:
    """The value of one bfloat16 bit pattern."""
    return struct.unpack(">f", struct.pack(">HH", bits, 0))[0]


def plain_ulp(bits: int) -> float:
    """docs/physics.md, to the letter."""
    exponent = (bits >> 7) & 0xFF
    return math.ldexp(1.0, max(exponent, 1) - 134)


def bits_of(values: np.ndarray) -> np.ndarray:
    """The bit patterns of the nearest bfloat16 values, ties to even, of finite values."""
    bits = np.asarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_weights(path: Path, weights: np.ndarray) -> Path:
    """A trajectory file of (T+1, n, D) bit patterns alone."""
    with TrajectoryWriter(path, {"W": ("U16", weights.shape)}) as file:
        file.write("W", weights)
    return path


def write_masks(path: Path, dead: np.ndarray | int) -> Path:
    """A file of masks: a flag for each token, or so many tokens that are all dead."""
    mask = np.ones(dead, bool) if isinstance(dead, int) else np.asarray(dead, bool)
    write_file(path, {"dead_mask": mask, "dead_indices": np.flatnonzero(mask)})
    return path


def write_series(
    path: Path, naming: str, rows: dict[str, np.ndarray], how: storage.Storage | None = None
) -> Path:
    """A trajectory in the names and dtypes of a series.

    rows: W uint16 bits, m and v float32 (T+1, N, D), g float32 (T, N, D); what is float32 must be
    bfloat16 values if the series stores them so.
    """
    table = stored(naming)
    fields, arrays = {}, {}
    for quantity, values in rows.items():
        as_stored = table[quantity]
        if as_stored.dtype != "F32" and values.dtype != np.uint16:
            values = bits_of(values)
        if quantity == "g" and as_stored.first == 0:
            values = np.concatenate([np.zeros_like(values[:1]), values])
        arrays[as_stored.name] = values
        fields[as_stored.name] = as_stored.dtype, values.shape
    with storage.create(path, fields, how) as file:
        for name, values in arrays.items():
            file.write_rows(name, 0, values)
    return path


def among_living(rows: dict[str, np.ndarray], dead: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of dead tokens in their places among those of all tokens, which are of another kind."""
    everyone = {}
    for name, values in rows.items():
        filler = bits_of(np.float32([0.3])) if values.dtype == np.uint16 else np.float32([0.5])
        everyone[name] = np.full((len(values), len(dead), *values.shape[2:]), filler, values.dtype)
        everyone[name][:, dead] = values
    return everyone


def dead_rows(trajectory: TrajectoryReader) -> TokenRows:
    """The rows of a Crucible trajectory whose tokens are all dead."""
    everyone = np.ones(trajectory.fields["W"][1][1], bool)
    return TokenRows(trajectory, "crucible", everyone, "dead")


def measure(trajectory: Path, output: Path) -> Path:
    """The displacement of such a trajectory."""
    with TrajectoryReader(trajectory) as file:
        displacement.measure(dead_rows(file), output)
    return output


def measure_dead(trajectory: Path, naming: str, dead: np.ndarray, output: Path) -> Path:
    """The displacement of the dead tokens of a trajectory of any series."""
    with storage.open_reader(trajectory) as file:
        displacement.measure(TokenRows(file, naming, dead, "dead"), output)
    return output


def cooling_weights(steps: int, tokens: int, elements: int, seed: int = 0) -> np.ndarray:
    """(T+1, n, D) bit patterns that cool as dead tokens do: hot at first, frozen in the end."""
    random = np.random.default_rng(seed)
    weights = [bits_of(random.normal(0, 0.02, (tokens, elements)))]
    drift = random.normal(0, 1, elements) + 0.3 * random.normal(0, 1, (tokens, elements))
    for step in range(1, steps + 1):
        rate = 1e-3 * math.exp(-12 * step / steps) * random.lognormal(0, 0.5, (tokens, 1))
        before = (weights[-1].astype(np.uint32) << 16).view(np.float32)
        weights.append(bits_of(before + rate * drift))
    return np.stack(weights)


def program(name: str) -> list[str | Path]:
    """The command of a program by its name; of one that draws, by `draw_` and the figure's name."""
    if name.startswith("draw_") and name not in programs():
        (module,) = SCRIPTS.glob(f"deadtokens/*/{name}.py")
        figure = f"{module.parent.name}/{name.removeprefix('draw_')}"
        return [sys.executable, SCRIPTS / "figures/draw_figure.py", figure]
    return [sys.executable, programs()[name]]


def programs() -> dict[str, Path]:
    """Every program of the workflow, by its name."""
    return {
        path.stem: path
        for path in sorted(SCRIPTS.glob("*/*.py"))
        if '__name__ == "__main__"' in path.read_text("utf-8")
    }


def module(name: str) -> ModuleType:
    """A program as a module, for what is in it beside the command line."""
    specification = importlib.util.spec_from_file_location(name, programs()[name])
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run a program of the workflow as a user does by hand; dictionaries go as JSON."""
    words = [json.dumps(a) if isinstance(a, dict) else str(a) for a in arguments]
    return subprocess.run([*program(name), *words], capture_output=True, text=True, check=False)


MEASURE_PEAK = """
import resource, sys
from pathlib import Path
{code}
status = Path("/proc/self/status")
if status.exists():  # ru_maxrss of a child begins with what its parent held
    peak = next(int(l.split()[1]) for l in status.read_text().splitlines() if "VmHWM" in l) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak)
"""


def peak_bytes(code: str) -> int:
    """The peak resident memory of a fresh interpreter that runs `code`."""
    words = [sys.executable, "-c", MEASURE_PEAK.format(code=code)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=SCRIPTS)
    return int(done.stdout.split()[-1])
