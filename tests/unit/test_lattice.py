import itertools
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from planted import plain_ulp, plain_value

from deadtokens import lattice

ALL = np.arange(65_536, dtype=np.uint16)
FINITE = ALL[(ALL & 0x7F80) != 0x7F80]
NUMBERS = ALL[(ALL & 0x7FFF) <= 0x7F80]  # all but the NaN patterns
RANDOM = np.random.default_rng(0).permutation(ALL)

# Where each of the 65,536 patterns goes.
PARTNERS = {
    "itself": ALL,
    "next pattern": ALL + np.uint16(1),
    "next binade": ALL + np.uint16(0x80),
    "binade border": ALL & np.uint16(0xFF80),
    "opposite sign": ALL ^ np.uint16(0x8000),
    "zero": np.zeros_like(ALL),
    "negative zero": np.full_like(ALL, 0x8000),
    "smallest subnormal": np.full_like(ALL, 0x0001),
    "largest finite": np.full_like(ALL, 0x7F7F),
    "infinity": np.full_like(ALL, 0x7F80),
    "NaN": np.full_like(ALL, 0x7FC0),
    "anywhere": RANDOM,
}
partners = pytest.mark.parametrize("partner", PARTNERS.values(), ids=PARTNERS.keys())
patterns = st.integers(0, 65_535)


def bits(*values):
    return np.array(values, dtype=np.uint16)


def plain_displacement(previous: int, current: int) -> float:
    """docs/physics.md in double precision, which holds every difference of float32 values."""
    difference = plain_value(current) - plain_value(previous)
    if abs(difference) >= 2.0**128:  # float32 cannot hold the difference: the seeds' overflow
        difference = math.copysign(math.inf, difference)
    quotient = difference / plain_ulp(previous)
    with np.errstate(over="ignore"):
        return np.float32(quotient)


@pytest.fixture(scope="module")
def plain_rank():
    """The place of each number among all bfloat16 numbers, by sorting their values."""
    values = sorted({plain_value(int(pattern)) for pattern in NUMBERS})  # both zeros are one
    place = {value: i for i, value in enumerate(values)}
    return np.array([place.get(plain_value(int(pattern)), 0) for pattern in ALL])


def test_values_of_all_patterns():
    expected = np.array([plain_value(int(pattern)) for pattern in ALL], dtype=np.float32)
    np.testing.assert_array_equal(lattice.to_float32(ALL), expected)


def test_ulp_of_all_patterns():
    expected = [plain_ulp(int(pattern)) for pattern in ALL]
    assert lattice.ulp(ALL).dtype == np.float32
    assert lattice.ulp(ALL).astype(np.float64).tolist() == expected
    assert lattice.ulp(bits(0, 0x8000, 0x7F)).tolist() == [2.0**-133] * 3


def test_ulp_is_the_distance_to_the_next_value_of_the_binade():
    inner = FINITE[(FINITE & 0x7F) != 0x7F]
    distance = np.abs(lattice.to_float32(inner + np.uint16(1)) - lattice.to_float32(inner))
    np.testing.assert_array_equal(lattice.ulp(inner), distance)


@partners
def test_displacement_of_all_patterns(partner):
    pairs = zip(ALL.tolist(), partner.tolist(), strict=True)
    expected = np.array([plain_displacement(*pair) for pair in pairs])
    found = lattice.displacement(ALL, partner)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@partners
def test_displacement_is_that_of_the_seed(partner):
    """The published notebook's own lines (Crucible 2), bit for bit."""
    previous = torch.from_numpy(ALL.copy()).view(torch.bfloat16)
    current = torch.from_numpy(partner.copy()).view(torch.bfloat16)
    exponent = (previous.view(torch.uint16).to(torch.int32) >> 7) & 0xFF
    exponent = torch.where(exponent == 0, torch.ones_like(exponent), exponent)
    ulp = torch.pow(2.0, (exponent - 134).float())
    expected = (current.float() - previous.float()) / ulp
    np.testing.assert_array_equal(lattice.displacement(ALL, partner), expected.numpy())


@partners
def test_lattice_steps_of_all_patterns(partner, plain_rank):
    numbers = np.isin(ALL, NUMBERS) & np.isin(partner, NUMBERS)
    steps = lattice.lattice_steps(ALL, partner)
    assert steps.dtype == np.int32
    expected = plain_rank[partner] - plain_rank[ALL]
    np.testing.assert_array_equal(steps[numbers], expected[numbers])


def test_order_of_all_patterns():
    order = lattice.order_index(ALL).astype(int)
    expected = [-(b & 0x7FFF) if b & 0x8000 else b & 0x7FFF for b in range(65_536)]
    assert order.tolist() == expected


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for previous, current in itertools.permutations(PARTNERS.values(), 2):
            lattice.displacement(previous, current)
            lattice.lattice_steps(previous, current)


def test_lattice_steps_equal_displacement_inside_a_binade():
    random = np.random.default_rng(1)
    for _ in range(8):
        mantissa = random.integers(0, 128, FINITE.shape, dtype=np.uint16)
        current = (FINITE & np.uint16(0xFF80)) | mantissa
        steps = lattice.lattice_steps(FINITE, current)
        np.testing.assert_array_equal(lattice.displacement(FINITE, current), steps)


def test_lattice_steps_equal_displacement_around_zero():
    """Subnormals of both signs share one cell with the smallest normal binade."""
    near_zero = ALL[(ALL & 0x7FFF) <= 0x0100]
    previous, current = np.meshgrid(near_zero[(near_zero & 0x7FFF) < 0x0100], near_zero)
    np.testing.assert_array_equal(
        lattice.displacement(previous, current), lattice.lattice_steps(previous, current)
    )


@given(patterns, patterns, patterns)
def test_lattice_steps_add_up(a, b, c):
    first, second = lattice.lattice_steps(bits(a, b), bits(b, c)).tolist()
    assert lattice.lattice_steps(bits(a), bits(c)).tolist() == [first + second]
    assert lattice.lattice_steps(bits(b), bits(a)).tolist() == [-first]


@given(st.sampled_from(FINITE.tolist()), st.sampled_from(FINITE.tolist()))
def test_lattice_steps_and_displacement_agree_in_sign(previous, current):
    steps = int(lattice.lattice_steps(bits(previous), bits(current))[0])
    displacement = float(lattice.displacement(bits(previous), bits(current))[0])
    assert np.sign(steps) == np.sign(displacement)
    assert (displacement != 0) == (plain_value(previous) != plain_value(current))


def test_arrays_keep_their_shape_and_may_be_strided():
    grid = RANDOM.reshape(16, 64, 64)
    for previous, current in [(grid[:-1], grid[1:]), (grid[:, ::2], grid[:, 1::2])]:
        for function in lattice.displacement, lattice.lattice_steps:
            whole = function(previous, current)
            assert whole.shape == previous.shape
            flat = function(previous.ravel(), current.ravel())
            np.testing.assert_array_equal(whole.ravel(), flat)
