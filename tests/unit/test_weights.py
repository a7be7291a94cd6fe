"""Each way for updates to land against a plain version; what random rounding promises."""

import copy
import hashlib
import math

import numpy as np
import pytest
import tiny_run
import torch
from safetensors.torch import load_file
from test_adamw import same_bits

from deadtokens.errors import UserError
from deadtokens.training import checkpoints, weights
from deadtokens.training.adamw import STATES, for_loop
from deadtokens.training.weights import WEIGHTS, RandomBits

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

RATE, DECAY, STEPS, SHAPE = 1e-3, 0.1, 60, (23, 17)
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
NAME, SEED = "embedding.weight", 42


def start():
    return (torch.randn(SHAPE, generator=torch.Generator().manual_seed(4)) * 0.02).bfloat16()


def gradients():
    """Cooling, so that updates fall below half a cell on the way."""
    generator = torch.Generator().manual_seed(5)
    for step in range(STEPS):
        yield (torch.randn(SHAPE, generator=generator) * 1e-4 * 0.8**step).bfloat16()


def ours(weight_precision, states, decay=DECAY, states_of_v=None):
    """Yield weights, moments and what is kept after every step."""
    way = WEIGHTS[weight_precision]
    param = start()
    m, v = (torch.zeros_like(param, dtype=STATES[of]) for of in (states, states_of_v or states))
    kept = way.keep(param, RandomBits(SEED, NAME), True)
    for step, grad in enumerate(gradients(), 1):
        tensors = ([tensor] for tensor in (param, grad, m, v, kept))
        hyper = {"beta1": BETA1, "beta2": BETA2, "epsilon": EPSILON, "weight_decay": decay}
        for_loop(*tensors, step=step, learning_rate=RATE, add=way.add, **hyper)
        yield param, m, v, kept


def plain_moments(m, v, grad, step):
    """Adam's paper, each operation rounded to the dtype of its moment; its denominator too."""
    m = torch.lerp(m, grad.to(m.dtype), 1 - BETA1)
    grad = grad.to(v.dtype)
    v = torch.addcmul(v * BETA2, grad, grad, value=1 - BETA2)
    return m, v, v.sqrt() / math.sqrt(1 - BETA2**step) + EPSILON


def rounded(value):
    """To the nearest bfloat16, ties to even, by integers."""
    bits = value.view(torch.int32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & -0x10000).view(torch.float32)


def plain(weight_precision, states, decay=DECAY, states_of_v=None):
    """Weights after every step, all of them float32 tensors of bfloat16 values."""
    w = start().float()
    exact, lost = w.clone(), torch.zeros_like(w)
    m, v = (torch.zeros(SHAPE, dtype=STATES[of]) for of in (states, states_of_v or states))
    for step, grad in enumerate(gradients(), 1):
        m, v, denominator = plain_moments(m, v, grad, step)
        factor = -RATE / (1 - BETA1**step)
        update = torch.addcdiv(torch.zeros(SHAPE), m.float(), denominator.float(), value=factor)
        shrink = 1 - RATE * decay
        if weight_precision == "bfloat16":
            w = rounded(rounded(w * shrink) + update if decay else w + update)
        elif weight_precision == "float32":
            exact = exact * shrink + update
            w = rounded(exact)
        elif weight_precision == "centred":
            w = rounded((w * shrink if decay else w) + (update - update.mean(dim=0)))
        elif weight_precision == "kahan":
            due = lost - RATE * decay * (w + lost) + update
            new = rounded(w + due)
            lost = rounded(due - (new - w))
            w = new
        else:
            total = (w * shrink + update).numpy().view(np.uint32)
            noise = random_numbers(step).reshape(SHAPE)
            w = torch.from_numpy((total + noise & np.uint32(0xFFFF0000)).view(np.float32))
        yield w, m, v


def random_numbers(step):
    """As docs/numerics.md, 12 says."""
    digest = hashlib.sha256(NAME.encode()).digest()
    of_name = sum(byte << 8 * place for place, byte in enumerate(digest[:8]))
    key = np.random.SeedSequence((SEED, of_name)).generate_state(2, np.uint64)
    words = np.random.Philox(counter=[0, 0, step, 0], key=key).random_raw(200)
    numbers = [int(word) >> 16 * place & 0xFFFF for word in words for place in range(4)]
    return np.array(numbers[: math.prod(SHAPE)], np.uint32)


@pytest.mark.parametrize("states_of_v", [None, "float32"])
@pytest.mark.parametrize("states", STATES)
@pytest.mark.parametrize("way", WEIGHTS)
@pytest.mark.parametrize("decay", [0.0, DECAY, 30.0])
def test_every_weight_equals_that_of_a_plain_version_bit_for_bit(way, states, decay, states_of_v):
    arguments = (way, states, decay, states_of_v)
    both = zip(ours(*arguments), plain(*arguments), strict=True)
    for step, ((param, m, v, _), (w, plain_m, plain_v)) in enumerate(both, 1):
        assert same_bits(m, plain_m), step
        assert same_bits(v, plain_v), step
        assert param.dtype == torch.bfloat16
        assert same_bits(param.float(), w), step


def test_the_master_copy_is_what_torch_makes_of_float32_weights():
    param = torch.nn.Parameter(start().float())
    optimizer = torch.optim.AdamW(
        [param], lr=RATE, weight_decay=DECAY, foreach=False, fused=False, eps=EPSILON
    )
    for grad, (w, _, _, kept) in zip(gradients(), ours("float32", "float32"), strict=True):
        param.grad = grad.float()
        optimizer.step()
        assert same_bits(kept, param.detach())
        assert same_bits(w, param.detach().bfloat16())


def test_the_ways_differ_where_updates_are_small():
    ends = {way: [w.clone() for w, *_ in ours(way, "float32")] for way in WEIGHTS}
    for way in ("float32", "stochastic", "kahan"):
        assert not torch.equal(ends[way][-1], ends["bfloat16"][-1]), way
    first, last = (
        (a != b).float().mean() for a, b in (ends["bfloat16"][:2], ends["bfloat16"][-2:])
    )
    assert last < 0.1 < first


def test_kahan_stays_within_its_bound_of_exact_sums():
    """Weight and compensation together lose half an ULP of the compensation at each step.

    That is at most 2^-9 of half a cell of the weight, the largest it can be; the weight alone is at
    most half a cell further off. The roundings of float32 sums are 2^-24 of the weight each.
    """
    exact = start().double()
    largest = exact.abs()
    m, v = (torch.zeros(SHAPE) for _ in range(2))
    steps = enumerate(zip(gradients(), ours("kahan", "float32", 0.0), strict=True), 1)
    for step, (grad, (param, _, _, kept)) in steps:
        m, v, denominator = plain_moments(m, v, grad, step)
        exact = exact - RATE / (1 - BETA1**step) * m.double() / denominator.double()
        largest = torch.maximum(largest, exact.abs())
        cell = 2.0 ** (torch.frexp(largest).exponent.double() - 8)
        drift = (param.double() + kept.double() - exact).abs()
        assert (drift <= step * (2.0**-9 * cell / 2 + 4 * 2.0**-24 * largest)).all(), step
        assert ((param.double() - exact).abs() <= drift + cell / 2).all(), step
    # Without compensation the bound would not hold.
    lossy = [w.double().clone() for w, *_ in ours("bfloat16", "float32", 0.0)][-1]
    assert ((lossy - exact).abs() > drift.max() + cell / 2).any()


def moved_once(value, fraction, draws):
    """So many weights of one value after an update by a fraction of a cell, stochastically."""
    param = torch.full((draws,), value).bfloat16()
    cell = 2.0 ** (math.frexp(value)[1] - 8)
    m, one = torch.full((draws,), -fraction * cell), torch.ones(draws)
    weights.stochastic(
        param, RandomBits(7, str(fraction)), m, one, step=3, step_size=1.0, decay=0.0
    )
    return (param.float() - value) / cell


@pytest.mark.parametrize("value", [0.0173, -0.0173, 1.0, 1.9921875])
@pytest.mark.parametrize("fraction", [1 / 64, 0.25, 0.5, 0.75, 0.9])
def test_stochastic_rounding_has_the_right_mean(value, fraction):
    """Within 4.9 standard errors: one false alarm in 10^6, or in 50,000 runs of these 20 cases."""
    draws = 200_000
    value = float(torch.tensor(value).bfloat16())
    moved = moved_once(value, fraction, draws)
    assert {*moved.unique().tolist()} <= {0.0, 1.0}
    share = float(moved.double().mean())
    exact = float(torch.tensor(value) + torch.tensor(fraction * 2.0 ** (math.frexp(value)[1] - 8)))
    expected = (exact - value) / 2.0 ** (math.frexp(value)[1] - 8)
    error = math.sqrt(expected * (1 - expected) / draws)
    assert abs(share - expected) < 4.9 * error


def test_what_is_a_bfloat16_value_already_is_never_moved():
    assert (moved_once(1.0, 0.0, 100_000) == 0).all()
    assert (moved_once(1.0, 1.0, 100_000) == 1).all()


def test_random_bits_are_a_pure_function_of_seed_parameter_and_step():
    shape = torch.Size((5, 3))
    drawn = RandomBits(1, "a")(2, shape)
    assert torch.equal(RandomBits(1, "a")(2, shape), drawn)
    bits = RandomBits(1, "a")
    bits(9, shape)
    assert torch.equal(bits(2, shape), drawn)
    assert torch.equal(copy.deepcopy(bits)(2, torch.Size((4, 3))), drawn[:4])
    for other in (RandomBits(2, "a")(2, shape), RandomBits(1, "b")(2, shape), bits(3, shape)):
        assert not torch.equal(other, drawn)


def test_random_bits_are_even():
    """Chi-squared of 256 classes of the high and the low byte; a false alarm in 10^6 each."""
    numbers = RandomBits(3, "even")(1, torch.Size((1 << 20,))).numpy()
    assert 0 <= numbers.min() <= numbers.max() <= 0xFFFF
    for byte in (numbers >> 8, numbers & 0xFF):
        counts = np.bincount(byte, minlength=256)
        chi_squared = float(((counts - 4096.0) ** 2 / 4096).sum())
        assert abs(chi_squared - 255) < 4.9 * math.sqrt(2 * 255) + 10


def test_a_decay_below_half_a_cell_does_nothing_in_bfloat16():
    """docs/numerics.md, 11: for every finite bfloat16 value."""
    bits = torch.arange(0x10000, dtype=torch.int32).to(torch.uint16).view(torch.bfloat16)
    finite = bits[bits.isfinite()]
    nothing = torch.zeros_like(finite)
    arguments = {"step": 1, "step_size": 0.0}
    for decay, changes in ((1e-4, False), (2.0**-9, False), (2.0**-8, True)):
        param = finite.clone()
        weights.nearest(param, None, nothing, nothing + 1, decay=decay, **arguments)
        assert torch.equal(param, finite) != changes, decay
        copied = finite.float()
        weights.master(finite.clone(), copied, nothing, nothing + 1, decay=decay, **arguments)
        assert not torch.equal(copied, finite.float())


INTERVENTIONS = {
    "states": {"state_precision": "float32"},
    "master": {"weight_precision": "float32"},
    "stochastic": {"weight_precision": "stochastic"},
    "kahan": {"weight_precision": "kahan", "state_precision": "float32"},
    "second_moment": {"second_moment_precision": "float32"},
    "centred": {"weight_precision": "centred"},
}
KEPT = {
    "master": ("master", torch.float32),
    "kahan": ("compensation", torch.bfloat16),
    "centred": ("common", torch.float32),
}
WIDE_V = ("state_precision", "second_moment_precision")


@pytest.fixture
def folder(tmp_path):
    tiny_run.make_inputs(tmp_path)
    return tmp_path


def trained(folder, **changes):
    """Settings, the bytes of the trajectory."""
    run = tiny_run.settings(**{"learning_rate": 1e-3} | changes)
    tiny_run.train(folder, run)
    return run, (folder / "trajectory.safetensors").read_bytes()


def test_a_whole_run_in_bfloat16_does_not_feel_a_decay_that_a_float32_copy_feels(folder):
    for way, feels in (("bfloat16", False), ("float32", True)):
        ends = [trained(folder, weight_precision=way, weight_decay=w)[1] for w in (0.0, 0.1)]
        assert (ends[0] != ends[1]) == feels, way


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_an_intervention_begins_where_the_published_run_begins(folder, name):
    trained(folder)
    published = load_file(folder / "trajectory.safetensors")
    trained(folder, **INTERVENTIONS[name])
    found = load_file(folder / "trajectory.safetensors")
    assert found["W"].dtype == torch.uint16
    for field in ("W", "g"):
        assert torch.equal(found[field][0], published[field][0])
    assert not torch.equal(found["W"][-1], published["W"][-1])
    narrow = found["v"].bfloat16().float() == found["v"]
    assert narrow.all() == (not {*WIDE_V} & {*INTERVENTIONS[name]})


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_a_run_that_died_ends_with_the_same_bytes(folder, name):
    run, expected = trained(folder, **INTERVENTIONS[name], checkpoint_seconds=0)
    (folder / "trajectory.safetensors").unlink()

    def die(step, loss):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_run.train(folder, run, report=die)
    begun_at = []
    tiny_run.train(folder, run, report=lambda step, loss: begun_at.append(step))
    assert begun_at[0] == 6
    assert (folder / "trajectory.safetensors").read_bytes() == expected


@pytest.mark.parametrize("name", INTERVENTIONS)
def test_a_run_resumed_from_anothers_checkpoint_is_the_continuous_run(folder, name):
    checkpoint = folder / "checkpoint_5.safetensors"
    run = tiny_run.settings(**INTERVENTIONS[name], save_checkpoint_at=[5])
    tiny_run.train(folder, run, kept={5: checkpoint})
    whole = load_file(folder / "trajectory.safetensors")
    saved, _ = checkpoints.read(checkpoint, run.run)
    kind, dtype = KEPT.get(name, (None, None))
    assert {key.split(".")[0] for key in saved} - {kind} == {
        *("parameters", "exp_avg", "exp_avg_sq", "last_motion_step")
    }
    for key, tensor in saved.items():
        if key.startswith(f"{kind}."):
            assert tensor.dtype == dtype
        if key.startswith("exp_avg."):
            assert tensor.dtype == STATES[run.state_precision]
        if key.startswith("exp_avg_sq."):
            assert tensor.dtype == STATES[run.second_moment_precision or run.state_precision]
    resume = {"resume_run": run.run, "resume_step": 5, "total_steps": 7, "schedule_steps": 12}
    rest = tiny_run.settings(
        **INTERVENTIONS[name], **resume, restore=["parameters", "moments", "schedule", "data"]
    )
    tiny_run.train(folder, rest, begin_from=checkpoint)
    found = load_file(folder / "trajectory.safetensors")
    for field in ("W", "m", "v"):
        assert torch.equal(found[field], whole[field][5:]), field


def test_the_second_moment_can_be_switched_to_float32_in_mid_run(folder):
    """As if v had been float32 from there on: the steps are those of a plain loop's update."""
    checkpoint = folder / "checkpoint_5.safetensors"
    run = tiny_run.settings(save_checkpoint_at=[5])
    tiny_run.train(folder, run, kept={5: checkpoint})
    whole = load_file(folder / "trajectory.safetensors")
    resume = {"resume_run": run.run, "resume_step": 5, "total_steps": 7}
    switched = tiny_run.settings(
        **resume,
        restore=["parameters", "moments", "schedule", "data"],
        second_moment_precision="float32",
    )
    tiny_run.train(folder, switched, begin_from=checkpoint)
    found = load_file(folder / "trajectory.safetensors")
    for field in ("W", "m", "v"):
        assert torch.equal(found[field][0], whole[field][5]), field
    g = found["g"][0]  # of step 1, float32: the same weights and the same batch
    assert torch.equal(g, whole["g"][5])
    exact = torch.addcmul(whole["v"][5] * run.beta2, g, g, value=1 - run.beta2)
    assert torch.equal(found["v"][1], exact)
    assert not torch.equal(found["v"][1], whole["v"][6])


def test_float32_moments_are_not_restored_into_bfloat16_ones(folder):
    checkpoint = folder / "checkpoint_5.safetensors"
    run = tiny_run.settings(save_checkpoint_at=[5], state_precision="float32")
    tiny_run.train(folder, run, kept={5: checkpoint})
    narrow = tiny_run.settings(resume_run=run.run, resume_step=5, restore=["moments"])
    with pytest.raises(UserError, match=r"exp_avg\S+ is torch.float32 .* there and torch.bfloat16"):
        tiny_run.train(folder, narrow, begin_from=checkpoint)


def test_a_checkpoint_without_what_is_kept_is_refused(folder):
    checkpoint = folder / "checkpoint_5.safetensors"
    run = tiny_run.settings(save_checkpoint_at=[5])
    tiny_run.train(folder, run, kept={5: checkpoint})
    rest = tiny_run.settings(
        weight_precision="kahan", resume_run=run.run, resume_step=5, restore=["parameters"]
    )
    with pytest.raises(UserError, match=r"compensation\.\S+ is absent there"):
        tiny_run.train(folder, rest, begin_from=checkpoint)


@pytest.mark.parametrize("key", ["state_precision", "weight_precision"])
def test_an_unknown_precision_is_reported_with_those_there_are(folder, key):
    with pytest.raises(UserError, match=f"{key}: unknown name 'float16'.*expected one of"):
        trained(folder, **{key: "float16"})


def test_float32_moments_are_not_squeezed_into_bfloat16_fields(folder):
    with pytest.raises(UserError, match="record: m, which the run holds in float32"):
        trained(folder, state_precision="float32", naming="wordybird", record=["W", "m"])


def test_centred_rows_do_not_drift_together(folder):
    """What all rows move in common goes into the float32 vector: their mean stays where it was."""
    drifts = {}
    for way in ("bfloat16", "centred"):
        trained(folder, weight_precision=way, rows="all", record=["W"], statistics=[])
        W = load_file(folder / "trajectory.safetensors")["W"].view(torch.bfloat16).float()
        drifts[way] = (W[-1] - W[0]).mean(dim=0).norm()
    assert drifts["centred"] < 0.05 * drifts["bfloat16"]
