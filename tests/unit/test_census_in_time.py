"""Black holes in time: planted meetings and partings, and every state against brute force."""

import numpy as np
import plain_census as plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plain_census import BFLOAT16
from planted import run_script, write_masks, write_weights

from deadtokens.census import in_time, merges
from deadtokens.files import tables

STATES = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(1, 5), st.integers(1, 8), st.integers(1, 3)),
    elements=st.sampled_from((0x0000, 0x8000, 0x3C00, 0x3C01, 0x3C02)),
)


def followed(states, rows=2, limit=1000):
    chunks = ((start, states[start : start + rows]) for start in range(0, len(states), rows))
    return in_time.follow(chunks, BFLOAT16, limit)


def by_hand(before, after) -> tuple[int, int]:
    """Of each vector how many others became it, and it became, beyond one."""
    pairs = {(one.tobytes(), other.tobytes()) for one, other in zip(before, after, strict=True)}
    return len(pairs) - len({b for _, b in pairs}), len(pairs) - len({a for a, _ in pairs})


@settings(deadline=None, max_examples=60)
@given(STATES)
def test_every_state_is_that_of_the_definitions(states):
    table = followed(states)
    assert table["step"].tolist() == [*range(len(states))]
    for row, bits in zip(table.itertuples(), states, strict=True):
        of = plain.populations(bits)
        sizes = sorted((len(members) for members in of.values()), reverse=True)
        holes = [size for size in sizes if size > 1]
        assert (row.vectors, row.black_holes, row.black_hole_tokens) == (
            *(len(sizes), len(holes)),
            sum(holes),
        )
        assert row.largest_population == sizes[0]
        vectors = [np.frombuffer(key, np.uint16) for key in of]
        pairs = plain.neighbours(vectors, "bfloat16")
        parts = plain.components(len(vectors), pairs)
        populations = [len(members) for members in of.values()]
        assert (row.pairs, row.components) == (len(pairs), len(parts))
        assert row.largest_component_vectors == max(map(len, parts))
        assert row.largest_component_tokens == max(sum(populations[i] for i in p) for p in parts)
    for step in range(1, len(states)):
        row = table.iloc[step]
        met = by_hand(states[step - 1], states[step])
        assert (row["coalescences"], row["evaporations"]) == met


def test_planted_meetings_and_partings():
    a, b, c = (np.array([bits, 0x3C00], np.uint16) for bits in (0x3D00, 0x3E00, 0x3F00))
    states = np.stack([[a, b, c, c], [a, a, c, c], [a, a, a, a], [a, a, a, a], [a, b, a, c]])
    table = followed(states)
    assert table["coalescences"].tolist() == [0, 1, 1, 0, 0]
    assert table["evaporations"].tolist() == [0, 0, 0, 0, 2]
    assert table["black_holes"].tolist() == [1, 2, 1, 1, 1]
    assert table["largest_population"].tolist() == [2, 2, 4, 4, 2]
    # Two that swap their places meet nobody.
    swapped = followed(np.stack([[a, b], [b, a]]))
    assert swapped[["coalescences", "evaporations"]].iloc[1].tolist() == [0, 0]


def plain_cell(bits: int) -> int:
    return max((bits >> 7) & 0xFF, 1)


def plain_merges(before, after) -> dict[str, int]:
    """`merges.COUNTS`, vector by vector and element by element."""
    made_from = {}
    for one, other in zip(before, after, strict=True):
        made_from.setdefault(other.tobytes(), {})[one.tobytes()] = one
    counts = dict.fromkeys(merges.COUNTS, 0)
    for key, vectors in made_from.items():
        new, olds = np.frombuffer(key, np.uint16), [*vectors.values()]
        rose_where_they_differed = False
        for d in range(len(new)):
            differed = len({int(old[d]) for old in olds}) > 1
            for old in olds:
                changed = old[d] != new[d]
                coarser = changed and plain_cell(int(new[d])) > plain_cell(int(old[d]))
                if differed:
                    counts["merged_changes"] += changed
                    counts["merged_changes_coarser"] += coarser
                    rose_where_they_differed |= coarser
                if len(olds) == 1:
                    counts["other_changes"] += changed
                    counts["other_changes_coarser"] += coarser
        counts["coalescences_coarser"] += (len(olds) - 1) * rose_where_they_differed
    return counts


AT_A_BINADE = arrays.arrays(
    np.uint16,
    st.tuples(st.integers(2, 4), st.integers(1, 8), st.integers(1, 3)),
    elements=st.sampled_from((0x0000, 0x8000, 0x0080, 0x0100, 0x3C7F, 0x3C80, 0xBC7F, 0xBC80)),
)


@settings(deadline=None, max_examples=80)
@given(AT_A_BINADE)
def test_coalescences_at_coarser_cells_are_those_of_the_definition(states):
    table = followed(states)
    for step in range(1, len(states)):
        found = table.iloc[step][[*merges.COUNTS]].to_dict()
        assert found == plain_merges(states[step - 1], states[step])


def test_planted_meetings_inside_a_binade_and_beyond_it():
    """Two that differ in the first element alone meet there; the second crosses without need."""
    inside = [[0x3C10, 0x3C7F], [0x3C11, 0x3C7F]], [[0x3C12, 0x3C80]] * 2
    beyond = [[0x3C7E, 0x3C10], [0x3C7F, 0x3C10]], [[0x3C80, 0x3C11]] * 2
    for (before, after), expected in ((inside, [0, 2, 0, 0, 0]), (beyond, [1, 2, 2, 0, 0])):
        row = followed(np.array([before, after], np.uint16)).iloc[1]
        assert row["coalescences"] == 1
        assert row[[*merges.COUNTS]].tolist() == expected
    # Closer to zero cells get finer; that of the smallest normal numbers is that of subnormals.
    for before, after in (([0x3C80, 0x3C81], 0x3C7F), ([0x0070, 0x0071], 0x0080)):
        states = np.array([[[bits] for bits in before], [[after]] * 2], np.uint16)
        assert followed(states)["coalescences_coarser"].tolist() == [0, 0]


def test_what_stands_still_is_not_counted_again_and_chunks_change_nothing(monkeypatch):
    states = np.stack(
        [plain.normal(30, 4, seed) for seed in (1, 2)] + [plain.normal(30, 4, 2)] * 20
    )
    expected = followed(states, rows=1)
    asked = []
    state = in_time.state
    monkeypatch.setattr(in_time, "state", lambda *given: asked.append(1) or state(*given))
    for rows in (1, 3, 50):
        asked.clear()
        assert followed(states, rows).equals(expected)
        assert len(asked) == 2


def test_rows_that_are_no_numbers_are_in_no_vector_and_too_many_pairs_are_said():
    states = np.zeros((2, 20, 2), np.uint16)
    states[0, :, 0] = 0x3C00 + np.arange(20) % 3
    states[1, 5, 1] = BFLOAT16.infinity
    table = followed(states, limit=1000)
    assert table["nonfinite_rows"].tolist() == [0, 1]
    assert table["coalescences"].tolist() == [0, 2]
    few = np.stack([np.arange(0x3C00, 0x3C00 + 60).astype(np.uint16)[:, None]] * 2)
    none = in_time.follow([(0, few)], BFLOAT16, 50)
    assert none["components"].isna().all()
    assert (none["candidate_pairs"] > 50).all()
    nothing = in_time.follow([(0, np.full((1, 3, 2), 0x7F80, np.uint16))], BFLOAT16, 50)
    assert nothing["vectors"].isna().all()


@pytest.mark.parametrize("naming", ["crucible"])
def test_the_program_follows_a_trajectory(tmp_path, naming):
    states = np.stack([plain.normal(12, 4, seed) for seed in range(4)])
    states[2, 3] = states[2, 4]
    write_weights(tmp_path / "trajectory.safetensors", states)
    write_masks(tmp_path / "masks.safetensors", 12)
    given = {"naming": naming, "population": "dead", "pair_limit": 1000, "ranks": 3}
    done = run_script(
        *("compute_census_in_time", "--settings", given),
        *("--trajectory", tmp_path / "trajectory.safetensors"),
        *("--masks", tmp_path / "masks.safetensors", "--table", tmp_path / "t.csv"),
    )
    assert done.returncode == 0, done.stderr
    read = tables.read(tmp_path / "t.csv", text=("populations",))
    table = read.drop(columns="populations")
    assert table["black_holes"].tolist() == [0, 0, 1, 0]
    assert table["coalescences"].tolist() == [0, 0, 1, 0]
    assert read["populations"].tolist() == ["1 1 1", "1 1 1", "2 1 1", "1 1 1"]
    assert table["evaporations"].tolist() == [0, 0, 0, 1]
