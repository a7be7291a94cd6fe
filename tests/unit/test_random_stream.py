import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deadtokens.text.random_stream import WeightedChoice, below, mix, stream_key, words

WORD = st.integers(0, 2**64 - 1)
# The first words of Vigna's public splitmix64.c from the state 1234567.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def plain_splitmix64(state, number):
    """The number-th word after this state, as the published C code has it, in Python integers."""
    z = (state + (number + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_words_are_the_published_ones():
    assert words(np.array([1234567], np.uint64), range(5)).tolist() == PUBLISHED


@given(WORD, st.integers(0, 10**9))
def test_words_equal_plain_integer_arithmetic(key, position):
    word = words(np.array([key], np.uint64), range(position, position + 1))
    assert word.tolist() == [plain_splitmix64(key, position)]


@given(WORD, st.integers(1, 2**32))
def test_below_scales_the_upper_half(bits, bound):
    assert below(np.array([bits], np.uint64), bound).tolist() == [(bits >> 32) * bound >> 32]


def test_mix_leaves_its_argument_alone():
    values = np.arange(5, dtype=np.uint64)
    mix(values)
    assert values.tolist() == [0, 1, 2, 3, 4]


def test_streams_of_different_seeds_and_purposes_differ():
    purposes = ["", "a", "b", "ab", "ba"]
    keys = {int(stream_key(seed, purpose)[0]) for seed in range(20) for purpose in purposes}
    assert len(keys) == 100


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any))
def test_weighted_choice_draws_in_exact_proportion(weights):
    """Over all columns, and lower halves in as many even cells as the weights sum up to."""
    choice, total, size = WeightedChoice(weights), sum(weights), len(weights)
    columns = [-(-(column << 32) // size) for column in range(size)]
    cells = [(2 * cell + 1) * 2**32 // (2 * total) for cell in range(total)]
    bits = np.array([(column << 32) + cell for column in columns for cell in cells], np.uint64)
    counts = np.bincount(choice(bits), minlength=size)
    assert counts.tolist() == [size * weight for weight in weights]


def test_weighted_choice_follows_large_weights():
    weights = [10**12 // (rank + 1) for rank in range(1000)]
    drawn = WeightedChoice(weights)(words(stream_key(1, "test"), range(200_000)))
    expected = np.array(weights) / sum(weights) * len(drawn)
    counts = np.bincount(drawn, minlength=1000)
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected.max())
    assert ((counts - expected) ** 2 / expected).sum() < 1000 + 6 * np.sqrt(2 * 1000)
