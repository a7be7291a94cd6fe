"""The census of a matrix: every definition against brute force, and planted structures."""

import json

import numpy as np
import pandas as pd
import plain_census as plain
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from plain_census import BFLOAT16, RULES

from deadtokens.census import adjacency, centre, distances, formats, populations, structure

FORMATS = {form.name: form for form in formats.BY_DTYPE.values()}
# Few different values, so that rows meet; both zeros, subnormals, the ends of a binade, both signs.
NEAR = (0x0000, 0x8000, 0x0001, 0x8001, 0x007F, 0x0080, 0x3C00, 0x3C01, 0x3C02, 0x3BFF, 0xBC01)
MATRICES = arrays.arrays(
    np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.sampled_from(NEAR)
)


def no_padding(bits):
    return np.zeros(len(bits), bool)


@pytest.mark.parametrize("name", FORMATS)
def test_order_exponent_and_value_are_those_of_the_definition(name):
    form = FORMATS[name]
    random = np.random.default_rng(0).integers(0, 1 << form.bits, 4000, np.uint64)
    ends = [0, 1 << (form.bits - 1), 1, form.infinity - 1, form.magnitude >> 1]
    bits = np.concatenate([random, np.array(ends, np.uint64)]).astype(form.dtype)
    bits = bits[(bits & form.magnitude) < form.infinity]
    assert formats.order_index(bits, form).tolist() == [plain.place(int(b), name) for b in bits]
    assert formats.exponent(bits, form).tolist() == [plain.exponent(int(b), name) for b in bits]
    assert formats.values(bits, form).tolist() == [plain.value(int(b), name) for b in bits]


@pytest.mark.parametrize("name", ["BF16", "F16"])
def test_a_power_of_two_is_where_cells_change_their_size(name):
    """Of every bit pattern: the values beside it, away from zero and towards it, are not equally
    far."""
    form = formats.BY_DTYPE[name]
    sizes = np.arange(form.infinity, dtype=np.uint16)
    values = formats.values(sizes, form).astype(np.float64)
    apart = np.diff(values)
    expected = np.zeros(len(sizes), bool)
    expected[1:-1] = apart[1:] != apart[:-1]
    assert formats.at_power_of_two(sizes, form).tolist() == expected.tolist()
    assert formats.at_power_of_two(sizes | 0x8000, form).tolist() == expected.tolist()
    beyond = np.arange(form.infinity, form.magnitude + 1, dtype=np.uint16)
    assert not formats.at_power_of_two(beyond, form).any()
    ones = np.float32([1.0, -0.5, 1.5, 3.0, 2.0**-126, 0.0, 2.0**100]).view(np.uint32)
    found = formats.at_power_of_two(ones, formats.BY_DTYPE["F32"])
    assert found.tolist() == [True, True, False, False, False, False, True]


def test_an_order_index_rises_with_the_value_and_both_zeros_are_one():
    for form in FORMATS.values():
        bits = np.arange(0, 1 << form.bits, 1 << max(0, form.bits - 16)).astype(form.dtype)
        bits = bits[(bits & form.magnitude) < form.infinity]
        by_value = np.argsort(formats.values(bits, form), kind="stable")
        assert (np.diff(formats.order_index(bits, form)[by_value].astype(np.int64)) >= 0).all()
    zeros = np.array([0, 0x8000], np.uint16)
    assert formats.order_index(zeros, BFLOAT16).tolist() == [0, 0]
    # In bits they differ, so that they are two vectors, neighbours at the same place.
    assert populations.of_rows(zeros[:, None]).size.tolist() == [1, 1]
    pairs = adjacency.neighbours(formats.order_index(zeros[:, None], BFLOAT16), 10).pairs
    assert pairs[["l1", "kind"]].to_numpy().tolist() == [[0, "same_place"]]


def test_rounding_to_bfloat16_is_that_of_torch():
    import torch

    random = np.random.default_rng(3).integers(0, 1 << 32, 200_000, np.uint64).astype(np.uint32)
    ties = (np.arange(60_000, dtype=np.uint32) << 16) | 0x8000
    bits = np.concatenate([random, ties, [0x7F800000, 0xFF800000, 0x7F7FFFFF]]).astype(np.uint32)
    expected = torch.from_numpy(bits.view(np.float32)).bfloat16().view(torch.uint16).numpy()
    found = formats.rounded_to_bfloat16(bits, FORMATS["float32"])
    is_nan = np.isnan(bits.view(np.float32))
    np.testing.assert_array_equal(found[~is_nan], expected[~is_nan])
    assert ((found[is_nan] & 0x7FFF) > 0x7F80).all()
    halves = np.arange(1 << 16, dtype=np.uint16)
    finite = (halves & 0x7FFF) < 0x7C00
    expected = torch.from_numpy(halves.view(np.float16)[finite]).bfloat16().view(torch.uint16)
    found = formats.rounded_to_bfloat16(halves[finite], FORMATS["float16"])
    np.testing.assert_array_equal(found, expected.numpy())


@settings(deadline=None)
@given(MATRICES)
def test_black_holes_are_rows_of_the_same_bytes(bits):
    found = populations.of_rows(bits)
    expected = sorted(plain.populations(bits).values(), key=lambda rows: (-len(rows), rows[0]))
    assert found.size.tolist() == [len(rows) for rows in expected]
    assert found.first.tolist() == [rows[0] for rows in expected]
    for vector, rows in enumerate(expected):
        assert found.label[rows].tolist() == [vector] * len(rows)


@settings(deadline=None)
@given(MATRICES)
def test_rows_of_one_hash_are_told_apart_by_their_bytes(bits):
    """Even if the hash were the same for all rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(populations, "hashes", lambda rows: np.zeros(len(rows), np.uint64))
        worst = populations.of_rows(bits)
    usual = populations.of_rows(bits)
    np.testing.assert_array_equal(worst.label, usual.label)


@settings(deadline=None)
@given(MATRICES, st.sampled_from(["bfloat16", "float32"]))
def test_neighbours_are_those_of_all_pairs(bits, name):
    form = FORMATS[name]
    wide = bits.astype(form.dtype)  # as float32 they are tiny numbers, of the same order
    found = adjacency.neighbours(formats.order_index(wide, form), 10_000)
    by_hand = plain.neighbours(wide, name) if name == "float32" else plain.neighbours(bits, name)
    pairs = found.pairs.itertuples()
    assert {(pair.first, pair.second): pair.l1 for pair in pairs} == by_hand
    names = {0: "same_place", 1: "face", 2: "edge"}
    kinds = [names.get(l1, "corner") for l1 in found.pairs["l1"]]
    assert found.pairs["kind"].tolist() == kinds
    assert found.candidates >= len(by_hand)


def test_neighbours_in_many_dimensions_with_all_candidates_verified_in_blocks(monkeypatch):
    monkeypatch.setattr(adjacency, "PAIRS_AT_ONCE", 50)
    random = np.random.default_rng(5)
    order = random.integers(-1, 2, (60, 200)) * (random.random((60, 200)) < 0.004) + 15_000
    order[30:] += random.integers(-3, 4, (30, 1))
    found = adjacency.neighbours(order.astype(np.int16), 10_000).pairs
    expected = [
        (i, j)
        for i in range(60)
        for j in range(i + 1, 60)
        if np.abs(order[i].astype(int) - order[j]).max() <= 1
    ]
    assert [*zip(found["first"], found["second"], strict=True)] == expected
    assert len(expected) > 100


def test_too_many_candidates_are_counted_and_no_pair_is_left_out_in_silence():
    order = np.zeros((100, 3), np.int16)
    found = adjacency.neighbours(order, 4949)
    assert (found.candidates, found.pairs) == (4950, None)
    assert len(adjacency.neighbours(order, 4950).pairs) == 4950
    bits, _ = plain.planted()
    census = structure.take(bits, BFLOAT16, no_padding(bits), RULES_OF_NONE)
    assert census.summary["adjacency"]["candidate_pairs"] == 3
    assert census.summary["adjacency"]["components"] is None
    assert census.components.empty
    assert census.rows["component"].isna().all()


RULES_OF_NONE = structure.Rules.of({**vars(RULES), "pair_limit": 2})


@pytest.mark.parametrize("name", FORMATS)
def test_distances_from_a_row_are_those_of_the_definitions(name):
    form = FORMATS[name]
    random = np.random.default_rng(7).normal(0, 1, (30, 6)).astype(np.float32)
    bits = {
        "float32": lambda: random.view(np.uint32),
        "float16": lambda: random.astype(np.float16).view(np.uint16),
        "bfloat16": lambda: formats.rounded_to_bfloat16(random.view(np.uint32), FORMATS["float32"]),
    }[name]()
    found = distances.from_row(bits, form, bits[4])
    for row, line in zip(bits, found.itertuples(), strict=True):
        apart = plain.steps(row, bits[4], name)
        assert (line.lattice_max, line.lattice_sum) == (max(apart), sum(apart))
        assert line.exponent_distance == plain.exponent_distance(row, bits[4], name)
        assert line.distance == pytest.approx(plain.distance(row, bits[4], name), rel=1e-12)
        nowhere = np.zeros_like(row)
        assert line.norm == pytest.approx(plain.distance(row, nowhere, name), rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([100, 101, 102, 102, 500, 900, 905, 910], (0, 3, 102)),
        ([1, 1, 1, 40, 41, 400], None),
        ([50, 50, 90, 90, 90, 200], (2, 4, 90)),
        ([50, 50, 90, 90, 200], (0, 1, 50)),
        ([10, 20, 40, 40, 40], None),
    ],
)
def test_a_plateau_is_where_the_count_stands_still_and_then_rises(counts, expected):
    found = distances.plateau(counts, 0.02)
    assert (found and tuple(found.values())) == expected


@pytest.mark.parametrize("seed", range(5))
def test_without_a_black_hole_the_centre_is_the_medoid_of_the_densest_rows(seed):
    random = np.random.default_rng(seed)
    points = random.normal(0, 1, (200, 8)).astype(np.float32)
    points[150:160] = points[0] + random.normal(0, 0.01, (10, 8))
    bits = points.view(np.uint32)
    form, k = FORMATS["float32"], 5
    apart = np.linalg.norm(points[:, None].astype(float) - points, axis=2)
    kth = np.sort(apart, axis=1)[:, k]
    members = np.argsort(apart[kth.argmin()])[: k + 1]
    expected = members[apart[np.ix_(members, members)].sum(axis=1).argmin()]
    # With as many candidates as rows the projection decides nothing.
    for candidates in (16, 200):
        assert centre.densest(bits, form, centre.Search(k, 3, candidates, 1)) == expected
    assert expected in (0, *range(150, 160))
    assert centre.densest(bits[:1], form, centre.Search(k, 3, 4, 1)) == 0


def test_planted_holes_are_found_to_the_last_one():
    bits, order = plain.planted()
    census = structure.take(bits, BFLOAT16, no_padding(bits), RULES)
    found = census.summary
    assert found["populations"] == [40, 7, 3, 2]
    assert (found["black_holes"], found["black_hole_tokens"], found["tokens"]) == (4, 52, 300)
    assert found["vectors"] == 300 - 52 + 4
    assert found["centre"] == {
        **{"by": "most_populous_black_hole", "row": int(order[:40].min()), "population": 40},
        "norm": pytest.approx(plain.distance(bits[order[0]], np.zeros(48, np.uint16), "bfloat16")),
    }
    assert found["exponents"]["counts"][:6] == [50] * 6
    assert found["exponents"]["plateau"]["tokens"] == 50
    within = found["within_cut"]
    assert (within["vectors"], within["tokens"], within["black_holes"]) == (3, 50, 3)
    assert found["adjacency"]["kinds"] == {"same_place": 0, "face": 1, "edge": 0, "corner": 2}
    assert found["adjacency"]["lattice_sums"] == {"1": 1, "3": 1, "4": 1}
    assert found["adjacency"]["largest_component"] == {"vectors": 3, "tokens": 50, "black_holes": 3}
    rows = census.rows
    assert (rows["population"].iloc[order[40:47]] == 7).all()
    assert (rows["lattice_sum"].iloc[order[47:50]] == 3).all()
    assert (rows["lattice_max"].iloc[order[47:50]] == 1).all()
    json.dumps(found)  # of types that JSON knows


def test_a_permutation_of_rows_changes_nothing_but_their_order():
    bits, _ = plain.planted(3)
    bits[100] = bits[200]  # two black holes of the same population
    one = structure.take(bits, BFLOAT16, no_padding(bits), RULES)
    order = np.random.default_rng(8).permutation(len(bits))
    other = structure.take(bits[order], BFLOAT16, no_padding(bits), RULES)
    first, second = one.summary, other.summary
    assert order[second["centre"].pop("row")] in np.flatnonzero(
        (bits == bits[first["centre"].pop("row")]).all(axis=1)
    )
    assert first == second
    same = ["population", "exponent_distance", "lattice_sum", "distance", "within_cut", "core"]
    pd.testing.assert_frame_equal(
        one.rows[same].iloc[order].reset_index(drop=True), other.rows[same].reset_index(drop=True)
    )


def test_the_centre_of_equally_populous_holes_does_not_depend_on_the_order_of_rows():
    bits = plain.normal(40, 6)
    bits[1], bits[3] = bits[0], bits[2]
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(bits))
        found = structure.take(bits[order], BFLOAT16, no_padding(bits), RULES).summary
        row = order[found["centre"]["row"]]
        assert (bits[row] == min(bits[0], bits[2], key=lambda r: r.tobytes())).all()


def test_a_random_normal_matrix_has_no_structure():
    bits = plain.normal(2000, 64)
    found = structure.take(bits, BFLOAT16, no_padding(bits), RULES).summary
    assert (found["black_holes"], found["black_hole_tokens"], found["populations"]) == (0, 0, [])
    assert found["centre"]["by"] == "densest_neighbourhood"
    assert found["adjacency"]["pairs"] == 0
    assert found["exponents"]["plateau"] is None


@settings(deadline=None, max_examples=40)
@given(MATRICES)
def test_components_and_shells_count_every_vector_within_the_cut_once(bits):
    census = structure.take(bits, BFLOAT16, no_padding(bits), RULES)
    name, middle = "bfloat16", bits[census.summary["centre"]["row"]]
    of = plain.populations(bits)
    rows = [np.frombuffer(key, np.uint16) for key in of]
    sizes = [len(members) for members in of.values()]
    inside = [i for i, row in enumerate(rows) if plain.exponent_distance(row, middle, name) <= 5]
    pairs = plain.neighbours([rows[i] for i in inside], name)
    expected = sorted(
        (len(part), sum(sizes[inside[i]] for i in part))
        for part in plain.components(len(inside), pairs)
    )
    table = census.components
    assert sorted(zip(table["vectors"], table["tokens"], strict=True)) == expected
    assert table["core"].sum() == 1
    kinds = [f"{kind}_edges" for kind in ("same_place", "face", "edge", "corner")]
    assert table[kinds].to_numpy().sum() == len(pairs)
    shells = census.summary["geography"]["shells"]
    assert sum(shell["vectors"] for shell in shells) == len(inside)
    assert sum(shell["tokens"] for shell in shells) == sum(sizes[i] for i in inside)
    width = max(
        max(plain.value(int(rows[i][d]), name) for i in inside)
        - min(plain.value(int(rows[i][d]), name) for i in inside)
        for d in range(bits.shape[1])
    )
    assert census.summary["within_cut"]["width"] == width


def test_rows_without_a_token_and_rows_that_are_no_numbers_are_counted_apart():
    bits, order = plain.planted()
    padded = no_padding(bits)
    extra = np.concatenate([bits, bits[order[:1]], np.zeros((9, 48), np.uint16)])
    padded = np.concatenate([padded, np.ones(10, bool)])
    extra[order[100], 7] = BFLOAT16.infinity
    extra[order[101], 8] = 0xFFC0  # a NaN
    census = structure.take(extra, BFLOAT16, padded, RULES)
    found = census.summary
    assert found["populations"] == [40, 7, 3, 2]
    assert (found["tokens"], found["nonfinite_rows"]) == (298, 2)
    assert found["padded"] == {
        **{"rows": 10, "vectors": 2, "largest_population": 9, "on_vectors_of_tokens": 1}
    }
    hole = census.vectors.iloc[0]
    assert (hole["population"], hole["padded_rows"]) == (40, 1)
    assert census.rows["vector"].isna().sum() == 12
    nothing = np.full((3, 4), BFLOAT16.infinity, np.uint16)
    assert structure.take(nothing, BFLOAT16, no_padding(nothing), RULES) is None
