import math
from fractions import Fraction

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from planted import (
    bits_of,
    cooling_weights,
    measure,
    peak_bytes,
    plain_ulp,
    plain_value,
    run_script,
    write_masks,
    write_weights,
)

from deadtokens import displacement, lattice
from deadtokens.errors import UserError
from deadtokens.files.trajectory import write_file

NAMES = {"l1", "l2", "linf", "lattice_steps", "dw_l2", "vector_ulp", "nonfinite"}
WHOLE_NUMBERS = ("lattice_steps", "nonfinite")


def measured(weights, tmp_path):
    trajectory = write_weights(tmp_path / "trajectory.safetensors", weights)
    return safetensors.numpy.load_file(measure(trajectory, tmp_path / "displacement.safetensors"))


def plain_root(square: Fraction) -> float:
    """The root of a fraction, whatever its size, to double precision."""
    scale = 2 ** (2 * 600)
    return float(Fraction(math.isqrt(int(square * scale)), 2**600)) if square else 0.0


def plain_norms(previous: list[int], current: list[int]) -> dict[str, float]:
    """The definitions of docs/physics.md for one token of finite elements, in exact fractions."""
    before = [Fraction(plain_value(p)) for p in previous]
    change = [Fraction(plain_value(c)) - b for c, b in zip(current, before, strict=True)]
    cells = [abs(d) / Fraction(plain_ulp(p)) for d, p in zip(change, previous, strict=True)]
    dw_l2 = plain_root(sum(d**2 for d in change))
    w_l2 = plain_root(sum(b**2 for b in before))
    vector = dw_l2 / (w_l2 / 128) if w_l2 else math.inf if dw_l2 else 0.0
    place = [-(b & 0x7FFF) if b & 0x8000 else b for b in [*previous, *current]]
    steps = [abs(b - a) for a, b in zip(place, place[len(previous) :], strict=False)]
    return {
        "l1": float(sum(cells)),
        "l2": plain_root(sum(c**2 for c in cells)),
        "linf": float(max(cells)),
        "lattice_steps": sum(steps),
        "dw_l2": dw_l2,
        "vector_ulp": vector,
    }


def moderate(exponent):
    """Bit patterns whose displacements float32 can hold."""
    return st.builds(
        lambda sign, e, mantissa: sign << 15 | e << 7 | mantissa,
        st.integers(0, 1),
        exponent,
        st.integers(0, 127),
    )


rows = st.integers(1, 5).flatmap(
    lambda n: st.tuples(*[st.lists(moderate(st.integers(95, 160)), min_size=n, max_size=n)] * 2)
)


@given(rows)
def test_norms_follow_their_definitions(row):
    previous, current = row
    found = displacement.norms(*(np.array([bits], dtype=np.uint16) for bits in row))
    assert found.keys() == NAMES
    assert found["nonfinite"].tolist() == [0]
    for name, expected in plain_norms(previous, current).items():
        if name in WHOLE_NUMBERS:
            assert found[name].tolist() == [expected]
        else:
            assert found[name].dtype == np.float32
            assert found[name][0] == pytest.approx(expected, rel=2e-7), name


def test_norms_by_hand():
    """1 goes two cells up and 0.5 one of its smaller cells down; then 2 crosses into its binade."""
    previous = bits_of([[1.0, 0.5, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    current = bits_of([[1 + 2 / 128, 0.5 - 1 / 512, 0.0], [1 + 127 / 128, 0.0, 0.0], [0.0] * 3])
    found = displacement.norms(previous, current)
    assert found["l1"].tolist() == [2.5, 0.5, 0]
    assert found["linf"].tolist() == [2, 0.5, 0]
    assert found["l2"].tolist() == [np.float32(math.sqrt(4.25)), 0.5, 0]
    assert found["lattice_steps"].tolist() == [3, 1, 0]
    assert found["dw_l2"].tolist() == [np.float32(math.hypot(2 / 128, 1 / 512)), 1 / 128, 0]
    expected = [math.hypot(2 / 128, 1 / 512) / (math.hypot(1, 0.5) / 128), 0.5, 0]
    np.testing.assert_allclose(found["vector_ulp"], expected, rtol=1e-7)


def test_what_is_not_finite_is_counted_and_shows():
    largest, infinity, nan = 0x7F7F, 0x7F80, 0x7FC0
    previous = np.array(
        [[0, 0, 0], [0x3F80, infinity, 0], [0, 0x3F80, 0], [0, nan, nan]], dtype=np.uint16
    )
    current = np.array(
        [[largest, 0x3F80, 0], [0x3F80, infinity, 0], [0, nan, largest], [0, nan, nan]],
        dtype=np.uint16,
    )
    found = displacement.norms(previous, current)
    assert found["nonfinite"].tolist() == [2, 1, 2, 2]
    for name in ("l1", "l2", "linf"):
        assert found[name][0] == np.inf, name
        assert np.isnan(found[name][1:]).all(), name
    assert found["lattice_steps"][0] == largest + 0x3F80
    assert found["vector_ulp"][0] == np.inf
    assert np.isfinite(found["dw_l2"][0])


def test_norms_do_not_overflow_on_the_way():
    """Squares of 2^100 cells are beyond float32; their root is not."""
    previous = np.zeros((1, 4), dtype=np.uint16)
    current = bits_of(np.full((1, 4), 2.0**-33))
    found = displacement.norms(previous, current)
    assert found["nonfinite"].tolist() == [0]
    assert found["l2"].tolist() == [2.0**101]
    assert found["l1"].tolist() == [2.0**102]


def test_file_holds_the_norms_of_every_step(tmp_path):
    weights = cooling_weights(steps=40, tokens=7, elements=5)
    weights[3, 2, 1] = 0
    weights[4, 2, 1] = 0x7F00
    found = measured(weights, tmp_path)
    assert found.keys() == NAMES | {"token_ids"}
    assert found["token_ids"].tolist() == list(range(7))
    for step in range(40):
        expected = displacement.norms(weights[step], weights[step + 1])
        assert found["nonfinite"][step] == expected.pop("nonfinite").sum()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name][step], values)
    assert found["nonfinite"][3] == 1
    assert found["nonfinite"].sum() == 1
    assert found["lattice_steps"].dtype == found["nonfinite"].dtype == np.int64
    assert found["l2"].dtype == found["vector_ulp"].dtype == np.float32


def test_chunks_and_blocks_leave_no_trace(tmp_path, monkeypatch):
    weights = cooling_weights(steps=23, tokens=6, elements=5, seed=1)
    whole = measured(weights, tmp_path)
    for chunk_bytes, block_elements in [(1, 1), (130, 7), (500, 64)]:
        monkeypatch.setattr(displacement, "CHUNK_BYTES", chunk_bytes)
        monkeypatch.setattr(displacement, "BLOCK_ELEMENTS", block_elements)
        for name, values in measured(weights, tmp_path).items():
            np.testing.assert_array_equal(values, whole[name])


@given(arrays.arrays(np.uint16, (2, 3, 4)))
def test_no_bit_pattern_upsets_the_pass(weights):
    found = displacement.norms(*weights)
    cells = lattice.displacement(*weights)
    unsound = ~np.isfinite(cells)
    assert found["nonfinite"].tolist() == unsound.sum(axis=1).tolist()
    assert not np.isfinite(found["l2"][unsound.any(axis=1)]).any()
    assert (found["lattice_steps"] >= 0).all()


FEW_PATTERNS = st.sampled_from([0, 0x8000, 0x3F80, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0])


# Four elements are compared at once, if a row has no others. Infinity comes, and stays.
ROWS = st.sampled_from([(4, 3, 2), (4, 3, 8)])
COMES = np.array([0, 0x7F80, 0x7F80, 0x7F80], np.uint16)[:, None, None] * np.ones((3, 4), np.uint16)


@given(arrays.arrays(np.uint16, ROWS, elements=FEW_PATTERNS))
@example(COMES)
def test_rows_that_stay_have_the_norms_of_any_other(tmp_path_factory, weights):
    found = measured(weights, tmp_path_factory.mktemp("few_patterns"))
    for step in range(3):
        expected = displacement.norms(weights[step], weights[step + 1])
        assert found["nonfinite"][step] == expected.pop("nonfinite").sum()
        for name, values in expected.items():
            assert found[name][step].tobytes() == values.tobytes(), name


@pytest.mark.parametrize(
    "shape_and_dtype",
    [((1, 3, 4), np.uint16), ((5, 3), np.uint16), ((5, 3, 0), np.uint16), ((5, 3, 4), np.float32)],
)
def test_weights_of_another_kind_are_refused(tmp_path, shape_and_dtype):
    path = tmp_path / "trajectory.safetensors"
    write_file(path, {"W": np.zeros(*shape_and_dtype)})
    with pytest.raises(UserError, match=r"expected (bfloat16 bit patterns|U16 or BF16)"):
        measure(path, tmp_path / "displacement.safetensors")


def run(trajectory, masks, output):
    settings = {"naming": "crucible", "population": "dead"}
    files = "--trajectory", trajectory, "--masks", masks, "--displacement", output
    return run_script("measure_displacement", "--settings", settings, *files)


def test_script_measures(tmp_path):
    weights = cooling_weights(steps=12, tokens=5, elements=4)
    trajectory = write_weights(tmp_path / "trajectory.safetensors", weights)
    output = tmp_path / "made" / "displacement.safetensors"
    done = run(trajectory, write_masks(tmp_path / "masks.safetensors", 5), output)
    assert done.returncode == 0, done.stderr
    assert "12/12" in done.stderr
    found = safetensors.numpy.load_file(output)
    for name, values in measured(weights, tmp_path).items():
        np.testing.assert_array_equal(found[name], values)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def without_weights(path):
    write_file(path, {"loss": np.zeros(3, np.float32)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "truncated or damaged"),
        (
            without_weights,
            "no rows of tokens in this file (one of W, m, v, g, p_mean); it holds loss",
        ),
    ],
)
def test_script_reports_bad_input_and_leaves_nothing(tmp_path, spoil, message):
    trajectory = write_weights(tmp_path / "trajectory.safetensors", cooling_weights(3, 2, 2))
    spoil(trajectory)
    output = tmp_path / "made" / "displacement.safetensors"
    done = run(trajectory, write_masks(tmp_path / "masks.safetensors", 2), output)
    assert done.returncode == 1
    assert message in done.stderr
    assert str(trajectory) in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.parent.exists() or not list(output.parent.iterdir())


MEASURE = """
import numpy as np
from deadtokens import displacement
from deadtokens.recorded.rows import TokenRows
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
displacement.CHUNK_BYTES = 1_000_000
steps, folder = {steps}, {folder!r}
with TrajectoryWriter(folder + "/t", {{"W": ("U16", (steps + 1, 500, 64))}}) as file:
    for t in range(steps + 1):
        file.write_row("W", t, np.full((500, 64), t, np.uint16))
with TrajectoryReader(folder + "/t") as file:
    displacement.measure(TokenRows(file, "crucible", np.ones(500, bool), "dead"), folder + "/d")
"""


def test_memory_does_not_grow_with_the_number_of_steps(tmp_path):
    """64 kB of weights a step: 6.4 MB, then 64 MB."""
    few = peak_bytes(MEASURE.format(steps=100, folder=str(tmp_path)))
    many = peak_bytes(MEASURE.format(steps=1000, folder=str(tmp_path)))
    assert (tmp_path / "t").stat().st_size > 64_000_000
    assert many - few < 4_000_000
