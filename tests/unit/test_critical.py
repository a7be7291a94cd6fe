"""The critical line against the real update, bit for bit, and against the definitions."""

import math

import numpy as np
import pytest
import torch
from planted import bits_of, plain_ulp, plain_value

from deadtokens import lattice, update_law
from deadtokens.cohorts import momentum
from deadtokens.errors import UserError
from deadtokens.training.adamw import for_loop
from deadtokens.update_law import UpdateLaw

CASES = [
    {},
    {"weight_decay": 0.01},
    {"lr": 0.3, "weight_decay": 0.1},
    {"lr": 1e-6},
    {"betas": (0.0, 0.999)},
    {"betas": (0.8, 0.95), "eps": 1e-4},
    {"eps": 1e-30},
]


def adam(steps, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, elapsed=0):
    return UpdateLaw(np.full(steps, lr), *betas, eps, weight_decay, elapsed)


def weights(random, shape):
    """As in a model; zeros, powers of two and subnormals among them."""
    values = random.normal(0, 0.02, shape).astype(np.float32)
    special = [0.0, -0.0, 2.0**-6, -(2.0**-6), 2.0**-126, 1e-40, -3e-39, 1.0, -(2.0**-20)]
    values.flat[: len(special)] = special
    return torch.from_numpy(values).bfloat16()


def trajectory(steps, shape, case, seed=0, elapsed=0, cooling=0.9):
    """Weights and moments of the real optimizer: uint16 (T+1, n, D), float32 (T, n, D) twice."""
    case = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0} | case
    random = np.random.default_rng(seed)
    w = weights(random, shape)
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    kept = [w.view(torch.uint16).numpy().copy()], [], []
    for step in range(1, steps + 1):
        scale = 1e-4 * cooling**step * (random.random(shape) > 0.1)
        grad = torch.from_numpy((scale * random.normal(0, 1, shape)).astype(np.float32)).bfloat16()
        for_loop(
            *([tensor] for tensor in (w, grad, m, v)),
            step=elapsed + step,
            learning_rate=case["lr"],
            beta1=case["betas"][0],
            beta2=case["betas"][1],
            epsilon=case["eps"],
            weight_decay=case["weight_decay"],
        )
        kept[0].append(w.view(torch.uint16).numpy().copy())
        kept[1].append(m.float().numpy())
        kept[2].append(v.float().numpy())
    return tuple(map(np.stack, kept))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("elapsed", [0, 100])
def test_every_weight_is_reproduced_bit_for_bit(case, elapsed):
    steps = 60
    w, m, v = trajectory(steps, (40, 16), case, elapsed=elapsed)
    rule = adam(steps, elapsed=elapsed, **case)
    for step in range(1, steps + 1):
        start = rule.decayed(w[step - 1], step)
        update = update_law.updates(
            m[step - 1], v[step - 1], rule.denominators(step), rule.step_size(step)
        )
        made = update_law.nearest(lattice.to_float32(start) + update)
        np.testing.assert_array_equal(lattice.to_float32(made), lattice.to_float32(w[step]))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_element_moves_if_and_only_if_it_is_beyond_the_line(case):
    steps = 60
    w, m, v = trajectory(steps, (40, 16), case, seed=1)
    rule = adam(steps, **case)
    moves = 0
    for step in range(1, steps + 1):
        start = rule.decayed(w[step - 1], step)
        exact, _, update = momentum.ratios(start, m[step - 1], v[step - 1], step, rule)
        moved = lattice.to_float32(start) != lattice.to_float32(w[step])
        total = (lattice.to_float32(start) + update).view(np.uint32)
        tie = (total & 0xFFFF) == 0x8000
        np.testing.assert_array_equal((exact > 1)[~tie], moved[~tie])
        moves += moved.sum()
    assert 0 < moves < steps * 640


def test_the_formula_is_adams():
    rule = adam(50, lr=3e-3, betas=(0.8, 0.99), eps=1e-6)
    w = bits_of(np.array([[0.5, -0.3, 0.02]]))
    m = lattice.to_float32(bits_of(np.array([[1e-4, 2e-4, -3e-5]])))
    v = lattice.to_float32(bits_of(np.array([[1e-7, 4e-9, 1e-12]])))
    exact, plain, _ = momentum.ratios(w, m, v, 7, rule)
    for i in range(3):
        corrected = m[0, i] / (1 - 0.8**7)
        root = math.sqrt(v[0, i] / (1 - 0.99**7))
        update = 3e-3 * corrected / (root + 1e-6)
        half = plain_ulp(int(w[0, i])) / 2
        # 0.5 is a power of two, and the update leads towards zero: there the cell is half as large.
        half = half / 2 if i == 0 else half
        assert plain[0, i] == pytest.approx(abs(update) / half, rel=1e-5)
        assert exact[0, i] == pytest.approx(plain[0, i], rel=2**-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_half_cells_against_the_neighbours_of_every_weight(sign):
    """Towards +infinity (m < 0) and towards -infinity (m > 0), for all finite patterns."""
    bits = np.concatenate([np.arange(0x7F80), 0x8000 + np.arange(0x7F80)]).astype(np.uint16)
    m = np.full(bits.shape, sign, np.float32)
    half = update_law.half_cells(bits, m)
    value = {int(b): plain_value(int(b)) for b in bits}
    ordered = sorted(set(value.values()))
    place = {x: i for i, x in enumerate(ordered)}
    for b, found in zip(bits.tolist(), half.tolist(), strict=True):
        neighbour = place[value[b]] - sign
        if 0 <= neighbour < len(ordered):
            assert found == abs(ordered[neighbour] - value[b]) / 2, hex(b)


def test_nearest_against_torch():
    random = np.random.default_rng(2)
    values = (random.normal(0, 1, 5000) * 10.0 ** random.integers(-42, 30, 5000)).astype(np.float32)
    halfway = ((np.arange(2000, dtype=np.uint32) << 16) | 0x8000).view(np.float32)
    values = np.concatenate([values, halfway, -halfway, np.float32([0, -0.0, np.inf])])
    theirs = torch.from_numpy(values).bfloat16().view(torch.uint16).numpy()
    np.testing.assert_array_equal(update_law.nearest(values), theirs)


def test_moments_that_are_no_bfloat16_are_refused():
    with pytest.raises(UserError, match="precision: bfloat16"):
        update_law.bits_of(np.float32([1.0, 0.1]))


def test_learning_rates_follow_the_schedule():
    rates = update_law.learning_rates(0.5, "linear", 4, 3, 1)
    np.testing.assert_allclose(rates, [0.5 * 3 / 4, 0.5 * 2 / 4, 0.5 * 1 / 4])
    assert update_law.learning_rates(0.5, "constant", 4, 3, 0).tolist() == [0.5] * 3
