"""Who the tokens of a census are, and what other indicators say of them."""

import json

import numpy as np
import pandas as pd
import plain_census as plain
import pytest
from plain_census import BFLOAT16, RULES
from scipy.stats import mannwhitneyu
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from deadtokens.census import counting, formats, indicators, rounding, tokens

UNUSED = r"(?i)^[\[<]+\|?.*(unused|reserved|extra_id).*[\]>]+$"


def wordpiece() -> Tokenizer:
    entries = ["[UNK]", "[unused1]", "a", "7", "cat", "##s", "##ing", "«", "Cat", "ก"]
    made = Tokenizer(models.WordPiece({e: i for i, e in enumerate(entries)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    return made


def test_tokens_are_described_and_reached_or_not():
    found = tokens.describe(wordpiece(), range(12), UNUSED).set_index("token_id")
    assert found["kind"].tolist() == ["special", "unused", *["plain"] * 8, "padded", "padded"]
    assert found["reachable"].tolist() == [
        *("no", "no", "yes", "yes", "yes", "in_word", "in_word", "yes"),
        *("no", "yes", "", ""),  # no text keeps a capital
    ]
    assert found["script"].iloc[[4, 9, 10]].tolist() == ["Latin", "Thai", ""]
    assert found["token"].iloc[[1, 5, 11]].tolist() == ["[unused1]", "s", ""]
    some = tokens.describe(wordpiece(), [9, 4], UNUSED)
    assert some["token_id"].tolist() == [9, 4]
    assert some["token"].tolist() == ["ก", "cat"]


@pytest.mark.parametrize(
    ("name", "is_unused"),
    [
        ("[unused12]", True),
        ("<unused3>", True),
        ("<|reserved_special_token_7|>", True),
        ("<extra_id_0>", True),
        ("unused", False),
        ("[MASK]", False),
        ("unreserved", False),
    ],
)
def test_reserved_entries_are_known_by_their_names(name, is_unused):
    made = Tokenizer(models.WordLevel({"x": 0, name: 1}, unk_token="x"))
    found = tokens.describe(made, [1], UNUSED)["kind"].item()
    assert (found == "unused") is is_unused


def published_indicators(matrix: np.ndarray, unused) -> tuple[np.ndarray, np.ndarray]:
    """Land and Bartolo (2024), by a singular value decomposition of the centred rows."""
    first = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)[2][0]
    without = matrix - np.outer(matrix @ first, first)
    mean = without[unused].mean(axis=0)
    cosine = without @ mean / np.linalg.norm(without, axis=1) / np.linalg.norm(mean)
    return 1 - cosine, np.linalg.norm(matrix - matrix[unused].mean(axis=0), axis=1)


def test_indicators_are_the_published_ones(monkeypatch):
    monkeypatch.setattr(indicators, "ROWS_AT_ONCE", 70)
    random = np.random.default_rng(4)
    rows = random.normal(0, 0.02, (400, 12)) + random.normal(0, 0.3, (400, 1)) * np.linspace(
        0, 1, 12
    )
    bits = rows.astype(np.float32).view(np.uint32)
    form = formats.BY_DTYPE["F32"]
    unused = np.array([3, 5, 100, 399])
    found = indicators.measure(bits, form, unused)
    cosine, distance = published_indicators(rows.astype(np.float32).astype(float), unused)
    np.testing.assert_allclose(found["cosine_distance"], cosine, atol=2e-6)
    np.testing.assert_allclose(found["unused_distance"], distance, rtol=1e-6)
    np.testing.assert_allclose(found["norm"], np.linalg.norm(rows, axis=1), rtol=1e-6)
    without = indicators.measure(bits, form, None)
    assert without[["cosine_distance", "unused_distance"]].isna().all(axis=None)
    zeros = indicators.measure(np.zeros((5, 4), np.uint16), BFLOAT16, np.array([1]))
    assert np.isfinite(zeros).all(axis=None)


def test_ways_of_flagging_are_counted_against_each_other_and_the_truth():
    flags = {
        "one": np.array([1, 1, 0, 0, 0, 1], bool),
        "other": np.array([1, 0, 1, 0, 0, 1], bool),
    }
    among = np.array([1, 1, 1, 1, 1, 0], bool)
    (row,) = indicators.agreement(flags, among)
    assert row == {
        **{"one": "one", "other": "other", "both": 1, "only_one": 1, "only_other": 1},
        **{"neither": 2, "jaccard": 1 / 3},
    }
    dead = np.array([1, 0, 0, 1, 0, 0], bool)
    first, _ = indicators.against_truth(flags, dead)
    assert (first["precision"], first["recall"], first["flagged"]) == (1 / 3, 1 / 2, 3)
    none = indicators.against_truth({"none": np.zeros(6, bool)}, dead)[0]
    assert (none["precision"], none["recall"]) == (None, 0)
    table = pd.DataFrame({"a": [3.0, 1, 2, 1, 9, 0], "b": np.nan})
    found = indicators.flagged(table, among, 3, {"a": -1, "b": -1})
    assert [*found] == ["a"]
    assert found["a"].tolist() == [False, True, True, True, False, False]
    assert indicators.flagged(table, among, 9, {"a": -1})["a"].tolist() == among.tolist()
    largest = indicators.flagged(table, among, 2, {"a": 1})["a"]
    assert largest.tolist() == [True, False, False, False, True, False]


def run_like(known_share: float):
    """Dead tokens that are a cloud of their own, some of them in a black hole."""
    bits = plain.normal(300, 24, sigma=0.02)
    dead = np.zeros(300, bool)
    dead[::5] = True
    values = np.full((60, 24), 0.3) + np.random.default_rng(1).normal(0, 0.001, (60, 24))
    bits[dead] = formats.rounded_to_bfloat16(
        values.astype(np.float32).view(np.uint32), formats.BY_DTYPE["F32"]
    )
    bits[[0, 5, 10, 15]] = bits[0]
    matrix = counting.Matrix("W", bits, BFLOAT16, tokens.without_tokenizer(range(300)), dead)
    return dead, counting.count(matrix, RULES, 0.02, known_share)


def test_dead_tokens_that_are_known_are_split_and_the_others_are_the_truth():
    dead, found = run_like(0.25)
    about = found.summary["indicators"]
    assert about["truth_is"] == "dead tokens"
    assert (about["known_unused"], about["judged"], about["unused_among_judged"]) == (15, 285, 45)
    assert about["numbers"]["truth"] == 45
    # What all of a cloud share is along the first principal component, which is taken out.
    assert 0.9 < about["areas"].pop("cosine_distance") < 1
    assert about["areas"].pop("at_power_of_two") < 0.9  # none of them was put there
    assert about["areas"] == {"unused_distance": 1, "norm": 0}
    truth = {row["indicator"]: row for row in about["truth"]["truth"]}
    assert truth["unused_distance"]["precision"] == truth["unused_distance"]["recall"] == 1
    assert truth["black_hole"]["precision"] == 1
    assert truth["norm"]["recall"] == 0
    json.dumps(found.summary)
    rows = found.tokens
    assert rows["dead"].tolist() == dead.astype(int).tolist()
    groups = {(g["by"], g["value"]): g for g in found.summary["groups"]}
    assert groups["dead", "1"]["black_hole"] == 4
    assert groups["dead", "0"]["tokens"] == 240


def test_rows_that_came_to_rest_at_powers_of_two_are_told_from_all_others():
    random = np.random.default_rng(4)
    values = random.normal(0, 0.05, (400, 64)).astype(np.float32)
    dead = random.random(400) < 0.2
    rested = dead[:, None] & (random.random(values.shape) < 0.5)
    values[rested] = np.exp2(np.floor(np.log2(np.abs(values[rested]))))
    bits = rounding.rounded(values)
    known = tokens.without_tokenizer(range(400))
    found = counting.count(counting.Matrix("W", bits, BFLOAT16, known, dead), RULES, 0.02, 0)
    about = found.summary["indicators"]
    assert about["areas"]["at_power_of_two"] == 1
    truth = {row["indicator"]: row for row in about["truth"]["truth"]}
    assert truth["at_power_of_two"]["precision"] == truth["at_power_of_two"]["recall"] == 1
    shares = found.tokens["at_power_of_two"].to_numpy()
    assert 0.4 < shares[dead].mean() < 0.6
    assert shares[~dead].mean() < 0.02
    reading = found.summary["readings"]["bfloat16"]["at_power_of_two"]
    inside = found.tokens["within_cut"].to_numpy(bool)
    assert reading["others"] == pytest.approx(shares[~inside].mean())


def test_areas_are_those_of_mann_and_whitney():
    random = np.random.default_rng(2)
    rows = pd.DataFrame(
        {name: random.integers(0, 9, 50).astype(float) for name in counting.MEASURES}
    )
    among, unused = random.random(50) < 0.8, random.random(50) < 0.3
    unused &= among
    found = counting._areas(rows, among, unused)
    assert [*found] == ["cosine_distance", "unused_distance", "norm", "at_power_of_two"]
    for name, area in found.items():
        values = rows[name].to_numpy() * (1 if name == "at_power_of_two" else -1)
        test = mannwhitneyu(values[unused], values[among & ~unused])
        assert area == pytest.approx(test.statistic / unused.sum() / (among & ~unused).sum())


def test_rows_of_dead_tokens_alone_have_nothing_to_be_told_from():
    bits, _ = plain.planted()
    ids = np.arange(0, 900, 3)
    everyone = np.ones(300, bool)
    matrix = counting.Matrix("W", bits, BFLOAT16, tokens.without_tokenizer(ids), everyone)
    found = counting.count(matrix, RULES, 0.02, 0.1)
    assert found.summary["indicators"]["areas"]["cosine_distance"] is None
    assert found.tokens["cosine_distance"].isna().all()
    centre = found.summary["readings"]["bfloat16"]["centre"]
    assert centre["token_id"] % 3 == 0
    assert (found.vectors["first_token"] % 3 == 0).all()
