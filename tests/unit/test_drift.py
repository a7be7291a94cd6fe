import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from planted import bits_of, peak_bytes

from deadtokens import lattice
from deadtokens.drift import drift, persistence, pointing
from deadtokens.errors import UserError
from deadtokens.files.trajectory import TrajectoryWriter

LAGS = [1, 2, 3, 7]
SETTINGS = {"lags": LAGS, "persistent_cosine": 0.95, "token_times": [0, 0.5, 1], "top_tokens": 3}


def plain_cosine(a, b) -> float:
    """docs/physics.md, to the letter."""
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else math.nan


def norm(vector) -> float:
    return math.sqrt(sum(x * x for x in vector))


def random_run(seed=0, steps=9, vocab=13, width=5, dead=4):
    """(bits (T+1, V, D), hidden (T, D), dead mask, loss): nothing planted."""
    random = np.random.default_rng(seed)
    weights = bits_of(random.normal(0, 1, (steps + 1, vocab, width)))
    hidden = random.normal(0, 1, (steps, width)).astype(np.float32)
    mask = np.zeros(vocab, bool)
    mask[random.permutation(vocab)[:dead]] = True
    loss = np.concatenate([[np.nan], random.uniform(1, 2, steps)]).astype(np.float32)
    return weights, hidden, mask, loss


def in_chunks(weights, rows=3):
    return [(start, weights[start : start + rows]) for start in range(0, len(weights), rows)]


def analysed(weights, hidden, mask, loss, rows=3):
    clouds = drift.measure(in_chunks(weights, rows), hidden, mask)
    table = drift.table(clouds, hidden, loss)
    return clouds, table, drift.summary(clouds, table, hidden, mask)


# h_mean


@pytest.mark.parametrize("seed", range(3))
def test_autocorrelation_against_brute_force(seed):
    vectors = np.random.default_rng(seed).normal(0.5, 1, (9, 4)).astype(np.float32)
    found = persistence.autocorrelation(vectors, [*LAGS, 8, 9, 40], 0.3)
    fluctuations = vectors.astype(float) - vectors.astype(float).mean(axis=0)
    for i, lag in enumerate([*LAGS, 8, 9, 40]):
        pairs = [(t, t + lag) for t in range(9 - lag)]
        cosines = [plain_cosine(vectors[a].tolist(), vectors[b].tolist()) for a, b in pairs]
        assert (found["lag"][i], found["pairs"][i]) == (lag, len(pairs))
        if not pairs:
            assert all(np.isnan(found[name][i]) for name in found if name not in ("lag", "pairs"))
            continue
        late = [c for (a, _), c in zip(pairs, cosines, strict=True) if a >= 9 // 2]
        expected = {
            "mean": np.mean(cosines),
            "p05": np.percentile(cosines, 5),
            "median": np.median(cosines),
            "p95": np.percentile(cosines, 95),
            "min": min(cosines),
            "share_persistent": sum(c >= 0.3 for c in cosines) / len(cosines),
            "late_mean": np.mean(late) if late else math.nan,
            "centred": sum(fluctuations[a] @ fluctuations[b] for a, b in pairs)
            / sum(d @ d for d in fluctuations),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, atol=1e-12, err_msg=name)


@pytest.mark.filterwarnings("error")
def test_a_constant_h_correlates_fully_at_every_lag():
    hidden = np.tile(np.array([0.1, -0.7, 0.3], np.float32), (30, 1))
    found = persistence.autocorrelation(hidden, LAGS, 0.95)
    np.testing.assert_allclose(found["mean"], 1, atol=1e-12)
    assert np.isnan(found["centred"]).all()
    summary = persistence.summary(hidden, found, 0.95)
    assert summary["persistent_up_to_lag"] == 7
    assert summary["first_step_away"] is None
    assert summary["norm"]["min"] == pytest.approx(norm([0.1, 0.7, 0.3]))


def test_a_random_h_does_not_correlate():
    """A cosine of random directions has variance 1/D; six standard errors of the mean."""
    steps, width = 2000, 64
    hidden = np.random.default_rng(5).normal(0, 1, (steps, width)).astype(np.float32)
    found = persistence.autocorrelation(hidden, [1, 10, 300], 0.95)
    bound = 6 / math.sqrt(width * (steps - 300))
    assert (np.abs(found["mean"]) < bound).all()
    assert (np.abs(found["centred"]) < bound).all()
    summary = persistence.summary(hidden, found, 0.95)
    assert (summary["persistent_up_to_lag"], summary["first_step_away"]) == (None, 1)


def test_a_turning_h_has_the_cosine_of_its_angle():
    """One degree per step: 18 degrees away the cosine is 0.951, 19 away 0.946."""
    angle = np.radians(np.arange(60))
    hidden = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32) * 3
    lags = [40, 18, 19, 1]
    found = persistence.autocorrelation(hidden, lags, 0.95)
    np.testing.assert_allclose(found["mean"], np.cos(np.radians(lags)), atol=1e-6)
    summary = persistence.summary(hidden, found, 0.95)
    assert (summary["persistent_up_to_lag"], summary["first_step_away"]) == (18, 19)
    assert summary["cosine_of_first_and_last"] == pytest.approx(
        math.cos(math.radians(59)), abs=1e-6
    )


def test_a_direction_that_is_lost_at_a_short_lag_does_not_persist_to_a_longer_one():
    """A cycle of four steps is back where it was at lag 4, but not at lag 1."""
    hidden = np.tile([[1, 0], [1, 0.1], [0, 1], [1, 0.1]], (5, 1)).astype(np.float32)
    found = persistence.autocorrelation(hidden, [4, 2, 1], 0.95)
    assert found["mean"][0] > 0.95 > found["mean"][2]
    assert persistence.summary(hidden, found, 0.95)["persistent_up_to_lag"] is None


def test_angles():
    a, b = np.array([[1, 0], [0, 2], [1, 1], [0, 0]]), np.array([[-3, 0], [1, 0], [1, 1], [1, 0]])
    np.testing.assert_allclose(persistence.angle(a, b), [180, 90, 0, np.nan], atol=1e-5)


# clouds


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_every_column_against_brute_force(rows):
    run = random_run()
    weights, hidden, mask, loss = run
    clouds, table, _ = analysed(*run, rows=rows)
    values = lattice.to_float32(weights).astype(float)
    assert table["step"].tolist() == list(range(10))
    np.testing.assert_array_equal(table["loss"], loss)
    centre = {
        cloud: [[sum(r[d] for r in w[of]) / of.sum() for d in range(5)] for w in values]
        for cloud, of in (("live", ~mask), ("dead", mask))
    }
    of_all = [sum(w) / len(w) for w in values]
    for t, state in enumerate(values):
        live, dead = np.array(centre["live"][t]), np.array(centre["dead"][t])
        expected = {
            "separation": norm(live - dead),
            "angle_live_dead_as_stored": math.degrees(math.acos(plain_cosine(live, dead))),
        }
        for cloud, other, of in (("live", "dead", ~mask), ("dead", "live", mask)):
            own, others = np.array(centre[cloud][t]), np.array(centre[other][t])
            radii = [norm(row - own) for row in state[of]]
            expected |= {
                f"{cloud}_mean_radius": sum(radii) / len(radii),
                f"{cloud}_max_radius": max(radii),
                f"{cloud}_rms_radius": math.sqrt(sum(r * r for r in radii) / len(radii)),
                f"{cloud}_nearer_own": sum(
                    norm(row - own) < norm(row - others) for row in state[of]
                )
                / of.sum(),
            }
            if t < 9:
                h = hidden[t].astype(float)
                expected |= {
                    "h_norm": norm(h),
                    "h_cosine_with_first": plain_cosine(h, hidden[0]),
                    "h_cosine_with_last": plain_cosine(h, hidden[-1]),
                    "angle_h_separation": math.degrees(math.acos(plain_cosine(h, live - dead))),
                }
        for reading, origins in (("as_stored", np.zeros((10, 5))), ("relative", of_all)):
            for cloud, of in (("live", ~mask), ("dead", mask), ("all", mask >= 0)):
                if (cloud, reading) == ("all", "relative"):
                    continue
                seen = [
                    [row - origin for row in w[of]]
                    for w, origin in zip(values, origins, strict=True)
                ]
                centroid = [sum(rows) / of.sum() for rows in seen]
                own = {"centroid_norm": norm(centroid[t])}
                own["centroid_displacement"] = norm(centroid[t] - centroid[0])
                if t < 9:
                    own["step_cosine_with_h"] = plain_cosine(centroid[t + 1] - centroid[t], h)
                    of_rows = sum(plain_cosine(row, h) for row in seen[t]) / of.sum()
                    own |= {"row_cosine_with_h": of_rows} if cloud != "all" else {}
                    angle = math.degrees(math.acos(plain_cosine(h, centroid[t])))
                    expected[f"angle_h_{cloud}_{reading}"] = angle
                expected |= {f"{cloud}_{name}_{reading}": x for name, x in own.items()}
        if t < 8:
            expected["h_cosine_with_next"] = plain_cosine(hidden[t], hidden[t + 1])
        if 0 < t < 8:
            assert {*expected, "step", "loss"} == {*table}
        for name, column in table.items():
            if name not in ("step", "loss"):
                value = expected.get(name, math.nan)
                np.testing.assert_allclose(column[t], value, atol=1e-6, err_msg=f"{name} {t}")
    seen = {"as_stored": values, "relative": values - np.array(of_all)[:, None]}
    for reading, rows in seen.items():
        path = sum(np.linalg.norm(b - a, axis=1) for a, b in pairwise(rows))
        np.testing.assert_allclose(clouds.path[reading], path)
    np.testing.assert_allclose(clouds.net, values[-1] - values[0])


def test_the_seeds_quick_statistics():
    """Crucible 3's own formulas, on arrays held whole."""
    run = random_run(seed=4)
    weights, hidden, mask, loss = run
    table, found = analysed(*run)[1:]
    history = lattice.to_float32(weights)
    centroid = {"dead": history[:, mask].mean(axis=1), "live": history[:, ~mask].mean(axis=1)}
    for cloud, values in centroid.items():
        summary = found["clouds"][cloud]["as_stored"]
        size = np.linalg.norm(values, axis=1)
        assert summary["centroid_norm"] == pytest.approx({"start": size[0], "end": size[-1]})
        assert summary["centroid_displacement"] == pytest.approx(
            np.linalg.norm(values[-1] - values[0]), rel=1e-5
        )
    separation = np.linalg.norm(centroid["dead"] - centroid["live"], axis=1)
    assert found["separation"]["start"] == pytest.approx(separation[0], rel=1e-5)
    assert found["separation"]["end"] == pytest.approx(separation[-1], rel=1e-5)
    assert found["separation"]["largest_at"] == separation.argmax()
    assert (found["live_tokens"], found["dead_tokens"]) == (9, 4)
    assert found["final_loss"] == loss[-1]
    lagged = persistence.autocorrelation(hidden, LAGS, 0.95)
    size = np.linalg.norm(hidden, axis=1)
    assert persistence.summary(hidden, lagged, 0.95)["norm"] == pytest.approx(
        {"min": size.min(), "max": size.max(), "mean": size.mean()}, rel=1e-6
    )
    assert table["separation"].to_numpy() == pytest.approx(separation, rel=1e-5)


def test_the_summary_of_a_cloud_against_brute_force():
    run = random_run(seed=2)
    weights, hidden, mask, _ = run
    weights[:, np.flatnonzero(mask)[0]] = weights[0, np.flatnonzero(mask)[0]]  # one never moves
    _, table, found = analysed(*run)
    stored = lattice.to_float32(weights).astype(float)
    of_all = stored.mean(axis=1)
    mean_hidden = hidden.astype(float).mean(axis=0)
    for cloud, of in (("live", ~mask), ("dead", mask)):
        assert found["clouds"][cloud]["still_tokens"] == (cloud == "dead")
        for reading, values in (("as_stored", stored), ("relative", stored - of_all[:, None])):
            summary = found["clouds"][cloud][reading]
            hold_to_brute_force(summary, values[:, of], mean_hidden)
            angles = table[f"angle_h_{cloud}_{reading}"].to_numpy()[:-1]
            assert summary["angle_with_h"] == pytest.approx(
                {
                    **{"start": angles[0], "end": angles[-1], "mean": angles.mean()},
                    **{"min": angles.min(), "max": angles.max()},
                }
            )
    walked = sum(norm(b - a) for a, b in pairwise(of_all))
    of_mean = found["mean_of_all_rows"]["as_stored"]
    assert of_mean["centroid_path"] == pytest.approx(walked)
    assert of_mean["centroid_straightness"] == pytest.approx(norm(of_all[-1] - of_all[0]) / walked)
    live, dead = (stored[:, of].mean(axis=1) for of in (~mask, mask))
    apart = found["separation"]
    assert apart["as_stored"]["displacements_cosine"] == pytest.approx(
        plain_cosine(live[-1] - live[0], dead[-1] - dead[0])
    )
    seen_from_all = live - of_all
    along = plain_cosine(seen_from_all[-1] - seen_from_all[0], mean_hidden)
    assert apart["growth_cosine_with_mean_h"] == pytest.approx(along)
    for cloud, sign in (("live", 1), ("dead", -1)):  # they are on one line
        relative = found["clouds"][cloud]["relative"]
        name = "centroid_displacement_cosine_with_mean_h"
        assert relative[name] == pytest.approx(sign * along)


def hold_to_brute_force(summary, values, mean_hidden):
    """A cloud's part of the summary in one reading; values (T+1, n, D)."""
    centre = values.mean(axis=1)
    walked = sum(norm(b - a) for a, b in pairwise(centre))
    net = centre[-1] - centre[0]
    assert summary["centroid_path"] == pytest.approx(walked)
    assert summary["centroid_straightness"] == pytest.approx(norm(net) / walked)
    assert summary["centroid_displacement_cosine_with_mean_h"] == pytest.approx(
        plain_cosine(net, mean_hidden)
    )
    tokens = [x for x in values.transpose(1, 0, 2) if (x != x[0]).any()]
    paths = [sum(norm(b - a) for a, b in pairwise(x)) for x in tokens]
    straight = [norm(x[-1] - x[0]) / path for x, path in zip(tokens, paths, strict=True)]
    along = [plain_cosine(x[-1] - x[0], mean_hidden) for x in tokens]
    assert summary["token_straightness"]["median"] == pytest.approx(np.median(straight))
    name = "token_displacement_cosine_with_mean_h"
    assert summary[name]["p05"] == pytest.approx(np.percentile(along, 5))
    assert summary["tokens_displaced_against_h"] == sum(c < 0 for c in along) / len(along)


def sixteenths(random, shape):
    """Values whose sum with another such one is a bfloat16 value too: nothing is rounded."""
    return random.integers(-64, 65, shape) / 16


def test_a_vector_added_to_every_row_changes_the_stored_reading_alone():
    """The gauge: a path common to all rows, of a run with a known relative motion."""
    random = np.random.default_rng(21)
    steps, vocab, width = 12, 20, 6
    plain = sixteenths(random, (steps + 1, vocab, width))
    path = sixteenths(random, (steps + 1, 1, width))
    hidden = random.normal(0, 1, (steps, width)).astype(np.float32)
    mask, loss = np.arange(vocab) % 3 == 0, np.ones(steps + 1, np.float32)
    np.testing.assert_array_equal(lattice.to_float32(bits_of(plain + path)), plain + path)
    (_, at_rest, before), (_, moved, after) = (
        analysed(bits_of(weights), hidden, mask, loss) for weights in (plain, plain + path)
    )
    for name in at_rest:
        if not name.endswith("_as_stored"):
            np.testing.assert_allclose(moved[name], at_rest[name], rtol=0, atol=1e-6, err_msg=name)
    walked = plain.mean(axis=1) + path[:, 0]
    expected = np.linalg.norm(walked - walked[0], axis=1)
    np.testing.assert_allclose(moved["all_centroid_displacement_as_stored"], expected)
    for cloud, of in (("live", ~mask), ("dead", mask)):
        centroid = plain[:, of].mean(axis=1) + path[:, 0]
        stored = moved[f"{cloud}_centroid_norm_as_stored"]
        np.testing.assert_allclose(stored, np.linalg.norm(centroid, axis=1))
        assert np.abs(stored - at_rest[f"{cloud}_centroid_norm_as_stored"]).max() > 0.5
        same = after["clouds"][cloud], before["clouds"][cloud]
        assert without_readings(same[0]) == pytest.approx(without_readings(same[1]), rel=1e-9)
        assert flat(same[0]["relative"]) == pytest.approx(flat(same[1]["relative"]), rel=1e-6)
        assert flat(same[0]["as_stored"]) != pytest.approx(flat(same[1]["as_stored"]), rel=1e-2)
    apart = without_readings(after["separation"])
    assert apart == pytest.approx(without_readings(before["separation"]), rel=1e-9)


def flat(found, name=""):
    """The leaves of a JSON object by their path; −1 for what there is not."""
    if not isinstance(found, dict):
        return {name: -1 if found is None else found}
    return {k: v for key, value in found.items() for k, v in flat(value, f"{name}.{key}").items()}


def without_readings(found):
    return flat({k: v for k, v in found.items() if k not in ("as_stored", "relative")})


def test_what_separation_chance_gives():
    """Two halves of one cloud: over many draws the squared separation has the expected mean."""
    squares, expected = [], []
    for seed in range(300):
        weights, hidden, mask, loss = random_run(seed, steps=2, vocab=40, width=6, dead=11)
        summary = analysed(weights, hidden, mask, loss)[2]["separation"]
        squares.append(summary["start"] ** 2)
        expected.append(summary["by_chance_at_start"] ** 2)
    assert np.mean(squares) == pytest.approx(6 * (1 / 29 + 1 / 11), rel=0.15)
    assert np.mean(expected) == pytest.approx(np.mean(squares), rel=0.15)


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        ("....", (True, None, 0, None, None)),
        ("..xx", (True, 2, 0, None, 2)),
        (".x.x", (True, 1, 1, 2, 3)),
        (".xx.", (True, 1, 1, 3, None)),
        ("xx..", (False, 0, 1, 2, None)),
        ("xxxx", (False, 0, 0, None, 0)),
        (".x..x.xx", (True, 1, 2, 2, 6)),
    ],
)
def test_crossings_by_hand(outside, expected):
    distance = np.array([1.5 if state == "x" else 1.0 for state in outside])  # 1.0: on the sphere
    found = drift.crossings(distance, np.ones(len(outside)))
    assert tuple(found.values()) == expected
    assert json.loads(json.dumps(found)) == found


def planted_run(steps=40, speed=0.05, seed=8):
    """Live rows walk along h, dead ones against it, as rigid clouds; exact in bfloat16.

    The dead cloud: rows at distance 1 from its centroid, two at distance 2, which lies at
    −speed·t; so the origin leaves its mean sphere and its bounding sphere at known states.
    """
    h = np.array([1.0, 0, 0])
    corners = np.array([[0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [0, 0, 2], [0, 0, -2]])
    shape = np.concatenate([corners, 8 * corners])
    mask = np.arange(12) < 6
    t = np.arange(steps + 1)[:, None, None]
    weights = shape + t * speed * np.where(mask, -1, 1)[:, None] * h
    order = np.random.default_rng(seed).permutation(12)
    hidden = np.tile(h * 5, (steps, 1)).astype(np.float32)
    loss = np.full(steps + 1, 1, np.float32)
    return bits_of(weights[:, order]), hidden, mask[order], loss


def test_planted_clouds_are_found():
    _, table, found = analysed(*planted_run(steps=40, speed=1 / 16))
    cloud = found["clouds"]["dead"]
    dead, live = (found["clouds"][name]["as_stored"] for name in ("dead", "live"))
    # Mean radius 8/6 = 1.33 -> 22/16 is the first beyond; bounding radius 2 -> 33/16.
    assert cloud["mean_radius"]["start"] == pytest.approx(8 / 6)
    assert (dead["origin"]["mean_sphere"]["left"], cloud["max_radius"]["end"]) == (22, 2)
    assert dead["origin"]["bounding_sphere"] == {
        "inside_at_start": True,
        "left": 33,
        "returns": 0,
        "first_return": None,
        "outside_for_good_since": 33,
    }
    assert live["origin"]["bounding_sphere"]["left"] is None
    apart = found["separation"]
    assert (apart["start"], apart["end"], apart["end_over_start"]) == (0, 5, None)
    assert apart["as_stored"]["displacements_cosine"] == pytest.approx(-1)
    assert apart["growth_cosine_with_mean_h"] == pytest.approx(1)
    for cloud, sign in ((live, 1), (dead, -1)):
        assert cloud["centroid_straightness"] == pytest.approx(1)
        assert cloud["token_straightness"]["p05"] == pytest.approx(1)
        assert cloud["centroid_step_cosine_with_h"]["mean"] == pytest.approx(sign)
        assert cloud["tokens_displaced_against_h"] == (sign < 0)
    np.testing.assert_allclose(table["angle_h_live_as_stored"][1:-1], 0, atol=1e-5)
    np.testing.assert_allclose(table["angle_h_dead_as_stored"][1:-1], 180, atol=1e-5)
    assert (table["dead_nearer_own"][1:] == 1).all()


def test_bounding_spheres_that_part_are_reported():
    weights, hidden, mask, loss = planted_run(steps=40, speed=0.5)
    summary = analysed(weights, hidden, mask, loss)[2]["separation"]
    assert summary["bounding_spheres_apart_for_good_since"] == 19  # separation t, radii 2 + 16
    assert analysed(*random_run())[2]["separation"]["bounding_spheres_apart_for_good_since"] is None


def test_clouds_that_do_not_move():
    weights, hidden, mask, loss = random_run(steps=6)
    weights[:] = weights[0]
    table, found = analysed(weights, hidden, mask, loss)[1:]
    for cloud in found["clouds"].values():
        assert cloud["still_tokens"] == cloud["tokens"]
        for seen in (cloud["as_stored"], cloud["relative"]):
            assert (seen["centroid_displacement"], seen["centroid_straightness"]) == (0, None)
            assert seen["token_straightness"]["median"] is None
            assert seen["tokens_displaced_against_h"] is None
            assert seen["centroid_step_cosine_with_h"]["mean"] is None
    assert np.isnan(table["live_step_cosine_with_h_as_stored"]).all()


def test_random_walks_show_no_drift():
    """Nothing planted: displacement has no direction along h, by six standard deviations."""
    random = np.random.default_rng(11)
    width = 64
    walks = np.cumsum(random.normal(0, 0.1, (31, 300, width)), axis=0)
    hidden = random.normal(0, 1, (30, width)).astype(np.float32) + 3
    mask = np.arange(300) % 3 == 0
    found = analysed(bits_of(walks), hidden, mask, np.ones(31, np.float32))[2]
    for cloud in found["clouds"].values():
        for seen in (cloud["as_stored"], cloud["relative"]):
            assert abs(seen["centroid_displacement_cosine_with_mean_h"]) < 6 / math.sqrt(width)
            assert 0.3 < seen["tokens_displaced_against_h"] < 0.7
            assert seen["token_straightness"]["p95"] < 0.3  # 1/√30 = 0.18 for a random walk


# what h_mean points at


def test_chosen_steps():
    assert pointing.chosen_steps([1, 0, 0.5, 0.02], 500) == [0, 10, 250, 499]
    assert pointing.chosen_steps([0, 0.02, 1], 2) == [0, 1]


def test_top_tokens_against_brute_force():
    random = np.random.default_rng(1)
    weights, hidden = random.normal(0, 1, (30, 4)).astype(np.float32), random.normal(0, 1, 4)
    weights[3] = weights[20]  # equal ones: the smaller id first
    weights[7] = 0  # no direction
    found = pointing.top(weights, hidden, 5, 30)
    stored = weights.astype(float)
    seen = {"as_stored": stored, "relative": stored - sum(stored) / 30}
    expected = {}
    for reading, rows in seen.items():
        expected[f"cosine_{reading}"] = [plain_cosine(row, hidden) for row in rows]
        expected[f"logit_{reading}"] = [sum(row * hidden) for row in rows]
    lists = {"cosine_as_stored": "cosine_as_stored", "cosine_relative": "cosine_relative"}
    lists |= {"logit": "logit_as_stored"}
    for start, values in zip((0, 30, 60), (expected[name] for name in lists.values()), strict=True):
        by_value = sorted(range(30), key=lambda i: (math.isnan(values[i]), -values[i], i))
        assert found["token_id"][start : start + 30].tolist() == by_value
        assert found["rank"][start : start + 30].tolist() == list(range(1, 31))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], [values[i] for i in found["token_id"]], atol=1e-6)
    assert found["by"].tolist() == [name for name in lists for _ in range(30)]
    few = pointing.top(weights, hidden, 5, 2)
    assert few["token_id"][:2].tolist() == found["token_id"][:2].tolist()


def test_a_vector_added_to_every_row_changes_no_relative_list():
    random = np.random.default_rng(3)
    weights, hidden = sixteenths(random, (30, 4)), random.normal(0, 1, 4)
    before, after = (
        pointing.top(w, hidden, 0, 30) for w in (weights, weights + np.array([3, -2, 1, 4]))
    )
    by = before["by"] != "cosine_as_stored"
    assert after["token_id"][by].tolist() == before["token_id"][by].tolist()
    assert after["token_id"][~by].tolist() != before["token_id"][~by].tolist()
    for name in ("cosine_relative", "logit_relative"):
        np.testing.assert_allclose(after[name][by], before[name][by], atol=1e-12)


def test_lists_are_given_by_cloud_and_script():
    by = ["cosine", "cosine", "logit"]
    rows = [pd.DataFrame({"step": [0, 0, 0], "by": by, "token_id": [2, 0, 1]})]
    table = pointing.described(
        rows, ["x", "ก", "y"], ["Latin", "Thai", "Latin"], np.array([True, False, False])
    )
    assert table["cloud"].tolist() == ["live", "dead", "live"]
    assert pointing.summary(table) == [
        {
            **{"step": 0, "by": "cosine", "live": 1, "dead": 1},
            **{"scripts": {"Latin": 1, "Thai": 1}, "token_ids": [2, 0], "tokens": ["x", "ก"]},
        },
        {
            **{"step": 0, "by": "logit", "live": 1, "dead": 0},
            **{"scripts": {"Latin": 1}, "token_ids": [1], "tokens": ["y"]},
        },
    ]


def test_check_takes_a_good_run():
    mask = np.array([True, False])
    drift.check((3, 2, 5), (2, 5), mask, 2)
    with pytest.raises(UserError, match="not of one run"):
        drift.check((3, 2, 5), (2, 4), mask, 2)


MEASURE = """
from deadtokens.drift import drift
from deadtokens.files.storage import open_reader
with open_reader("{path}") as file:
    drift.measure(file.chunks("W", 2_000_000), file.read("h_mean"), file.read("dead_mask"))
"""


def test_memory_does_not_grow_with_the_run(tmp_path):
    peaks = []
    for steps in (60, 600):
        path = tmp_path / f"{steps}.safetensors"
        shape = steps + 1, 2000, 16
        fields = {
            "W": ("U16", shape),
            "h_mean": ("F32", (steps, 16)),
            "dead_mask": ("BOOL", (2000,)),
        }
        with TrajectoryWriter(path, fields) as file:
            file.write("dead_mask", np.arange(2000) < 500)
            for t in range(steps + 1):
                file.write_row("W", t, bits_of(np.full(shape[1:], 0.01 + t)))
        peaks.append(peak_bytes(MEASURE.format(path=path)))
    assert peaks[1] - peaks[0] < 6_000_000  # 35 MB more are on the disk
