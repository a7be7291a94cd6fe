"""The motion of untrained tokens around a seam: definitions by hand, planted seams, bits."""

import math

import numpy as np
import pytest
from planted import bits_of, cooling_weights, plain_ulp, plain_value

from deadtokens.errors import UserError
from deadtokens.kick import continuation, untrained_motion


def chunked(rows, size=3):
    return ((start, rows[start : start + size]) for start in range(0, len(rows), size))


def test_rows_are_recognized_by_their_number():
    untrained = np.array([False, True, True, False, True])
    assert untrained_motion.untrained_rows("t", 5, untrained).tolist() == [1, 2, 4]
    assert untrained_motion.untrained_rows("t", 3, untrained).tolist() == [0, 1, 2]
    with pytest.raises(UserError, match=r"t: has 4 rows; expected 5, .* or 3"):
        untrained_motion.untrained_rows("t", 4, untrained)


def test_motion_against_the_definitions():
    weights = cooling_weights(steps=4, tokens=5, elements=6)
    origin = cooling_weights(steps=1, tokens=5, elements=6, seed=3)[0]
    found = untrained_motion.motion(weights, origin)
    plain = np.vectorize(plain_value)(weights)
    for step in range(4):
        far = []
        for token in range(5):
            dw_l2 = math.dist(plain[step + 1, token], plain[step, token])
            assert found["dw_l2"][step, token] == np.float32(dw_l2)
            largest = max(plain_ulp(int(bits)) for bits in weights[step, token])
            assert found["hop_cells"][step, token] == np.float32(dw_l2 / largest)
            start = [plain_value(int(bits)) for bits in origin[token]]
            far.append(math.dist(plain[step + 1, token], start))
        assert found["from_start_mean"][step] == pytest.approx(np.mean(far), rel=1e-6)
        assert found["from_start_median"][step] == pytest.approx(np.median(far), rel=1e-6)
        assert found["from_start_max"][step] == np.float32(max(far))


def test_a_hop_by_hand():
    """1.0 has a cell of 2^-7: 7 cells are a hop, 8 are none, to stay is one."""
    start = [[1.0, 0.01], [1.0, 0.01], [1.0, 0.01]]
    after = [[1 + 7 / 128, 0.01], [1 + 8 / 128, 0.01], [1.0, 0.01]]
    weights = bits_of(np.array([start, after]))
    motion = untrained_motion.motion(weights, weights[0])
    assert motion["hop_cells"].tolist() == [[7, 8, 0]]
    found = untrained_motion.by_step(chunked(motion["dw_l2"]), chunked(motion["hop_cells"]), 8)
    assert found["hop_share"] == pytest.approx(2 / 3)
    assert found["still_share"] == pytest.approx(1 / 3)
    assert found["dw_l2_mean"] == pytest.approx(15 / 128 / 3)
    assert found["dw_l2_median"] == pytest.approx(7 / 128)


def test_steps_do_not_depend_on_chunks():
    motion = np.random.default_rng(1).random((7, 4), dtype=np.float32)
    one = untrained_motion.by_step(chunked(motion, 7), chunked(motion, 7), 0.5)
    two = untrained_motion.by_step(chunked(motion, 2), chunked(motion, 2), 0.5)
    assert all((one[name] == two[name]).all() for name in one)
    assert all(len(column) == 7 for column in one.values())


@pytest.mark.parametrize(("first", "last"), [(1, 7), (1, 1), (3, 5), (7, 7), (2, 6)])
def test_path_over_some_steps(first, last):
    motion = np.random.default_rng(2).random((7, 4), dtype=np.float32)
    expected = motion.astype(np.float64)[first - 1 : last].sum(axis=0)
    np.testing.assert_allclose(untrained_motion.path(chunked(motion), first, last), expected)


@pytest.mark.parametrize(("first", "last"), [(1, 8), (-1, 3), (8, 9)])
def test_a_file_too_short_is_reported(first, last):
    with pytest.raises(UserError, match=f"steps {first} to {last} .* the file has 7"):
        untrained_motion.path(chunked(np.ones((7, 4), np.float32)), first, last)


def test_seams_where_there_are_none():
    """Against every window written out, without those that share a step with the seam's."""
    mean = np.random.default_rng(3).lognormal(0, 1, 60)
    found = untrained_motion.pseudo_seams(mean, 3, seam=20)
    logs = [
        math.log(sum(mean[s : s + 3]) / sum(mean[s - 3 : s]))
        for s in range(3, 58)
        if not set(range(s - 3, s + 3)) & set(range(17, 23))
    ]
    assert (found["seams"], found["without_ratio"]) == (len(logs), 0) == (44, 0)
    assert found["disjoint"] == 2 + 6  # 3, 9 before the seam at 20; from 26 on 26, 32, ..., 56
    values = np.sort(logs)
    for name, q in (("min", 0), ("p02_5", 0.025), ("median", 0.5), ("p97_5", 0.975), ("max", 1)):
        place = q * (len(values) - 1)
        low = int(place)
        expected = values[low] + (place - low) * (values[min(low + 1, 43)] - values[low])
        assert found["log_ratio"][name] == pytest.approx(expected)


def test_pseudo_seams_where_nothing_moves_or_there_is_no_room():
    still = np.array([8.0, 4, 2, 1, 0, 0, 0, 0, 0])
    found = untrained_motion.pseudo_seams(still, 2, seam=9)
    assert (found["seams"], found["without_ratio"]) == (2, 2)  # 2 and 3; 4 and 5
    ends = [found["log_ratio"][name] for name in ("min", "max")]
    assert ends == pytest.approx([math.log(1 / 6), math.log(3 / 12)])
    none = untrained_motion.pseudo_seams(still, 5, seam=4)
    assert (none["seams"], none["disjoint"], {*none["log_ratio"].values()}) == (0, 0, {None})


@pytest.mark.parametrize(
    ("mean", "first", "for_good", "share"),
    [
        ([10, 10, 10, 10], 1, 1, 1),
        ([20, 10.4, 12, 9.6], 2, 4, 0.5),
        ([20, 10, 10, 10.6], 2, None, 0.5),
        ([20, 20, 20, 20], None, None, 0),
        ([20, 20, 10.5, 9.5], 3, 3, 0.5),
    ],
)
def test_when_a_run_moves_like_the_continuous_one(mean, first, for_good, share):
    found = untrained_motion.moves_alike(np.array(mean), np.full(4, 10.0), 0.05)
    assert found == {"first": first, "for_good": for_good, "share_of_steps": share}


def test_beside_a_run_that_stands_still_only_stillness_is_alike():
    found = untrained_motion.moves_alike(np.array([1e-9, 0.0]), np.zeros(2), 0.05)
    assert (found["first"], found["for_good"]) == (2, 2)


@pytest.mark.filterwarnings("error")
def test_log_ratios_of_the_tokens_themselves():
    found = untrained_motion.token_ratios(np.array([2, 8, 0, 1.0]), np.array([1, 1, 1, 0.0]))
    assert (found["tokens"], found["tokens_without"]) == (2, 2)
    assert found["mean"] == pytest.approx(2 * math.log(2))
    assert found["median"] == pytest.approx(2 * math.log(2))
    assert found["std"] == pytest.approx(math.log(2))
    found = untrained_motion.token_ratios(np.zeros(3), np.zeros(3))
    assert (found["tokens"], found["mean"], found["p05"]) == (0, None, None)


def test_runs_of_other_tokens_are_refused():
    untrained_motion.check_tokens({"a": np.array([1, 2]), "b": np.array([1, 2])})
    with pytest.raises(UserError, match="b: its 2 untrained tokens are not the 2 of a"):
        untrained_motion.check_tokens({"a": np.array([1, 2]), "b": np.array([1, 3])})


@pytest.mark.parametrize(
    "fields",
    [
        {"W": ("U16", (3, 4, 5)), "losses": ("BF16", (3,))},
        {"embeddings": ("F32", (3, 4, 5)), "losses": ("BF16", (3,))},
        {"embeddings": ("BF16", (1, 4, 5)), "losses": ("BF16", (1,))},
        {"embeddings": ("BF16", (3, 4, 5))},
    ],
)
def test_a_file_without_such_weights_is_refused(fields):
    with pytest.raises(UserError, match=r"t\.safetensors: embeddings is .* naming: wordybird"):
        untrained_motion.weights_shape("t.safetensors", fields)


def pairs(found, expected, size=2):
    for start in range(0, len(found), size):
        yield start, found[start : start + size], expected[start : start + size]


IDS = np.array([3, 8, 9, 40, 41])


def test_a_run_that_goes_on_bit_for_bit():
    weights = cooling_weights(steps=6, tokens=5, elements=4)
    assert continuation.check_rows("arm", "run", pairs(weights, weights), IDS, 100) == 6


@pytest.mark.parametrize(
    ("row", "where"), [(0, "100, where it begins"), (1, "101, 1 after"), (6, "106, 6 after")]
)
def test_a_single_bit_is_found_and_its_step_and_token_named(row, where):
    weights = cooling_weights(steps=6, tokens=5, elements=4)
    flipped = weights.copy()
    flipped[row, 3, 2] ^= 1
    message = f"arm: token 40 differs from run after step {where}.* 0 others of 5"
    with pytest.raises(UserError, match=message):
        continuation.check_rows("arm", "run", pairs(flipped, weights), IDS, 100)


def test_zeros_of_another_sign_are_other_bits():
    zeros = np.zeros((2, 5, 4), np.uint16)
    with pytest.raises(UserError, match="token 3 differs"):
        continuation.check_rows("arm", "run", pairs(zeros | 0x8000, zeros), IDS, 1)


def test_a_source_that_ends_too_early_is_reported():
    weights = cooling_weights(steps=6, tokens=5, elements=4)
    with pytest.raises(UserError, match=r"arm: rows of shape .* where run has \(1, .* step 106"):
        continuation.check_rows("arm", "run", pairs(weights, weights[:5], size=2), IDS, 102)


def test_a_loss_that_differs_is_named():
    losses = np.arange(5, dtype=np.uint16)
    continuation.check_losses("arm", "run", losses, losses, 100)
    with pytest.raises(UserError, match="arm: its loss differs from that of run at step 104, 4"):
        continuation.check_losses("arm", "run", losses, np.array([0, 1, 2, 9, 9], np.uint16), 100)
