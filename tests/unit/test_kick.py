"""The kick at a checkpoint as a whole: planted kicks are found, a null is none, parts add up."""

import csv
import itertools
import json
import math

import numpy as np
import pytest
from planted import bits_of, run_script

from deadtokens.errors import UserError
from deadtokens.figures import style
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter, write_file
from deadtokens.kick import attribution, kick, untrained_motion
from deadtokens.kick import draw_kick as figure

SEAM, STEPS = 20, 40
RULES = kick.Rules(
    following=STEPS - SEAM,
    seam=SEAM,
    window=5,
    band=0.05,
    hop_threshold=8,
    resamples=200,
    confidence=0.95,
    random_seed=1,
)
LINEAR = {"learning_rate": 1e-3, "schedule": "linear", "schedule_position": 0}
CONTINUOUS = {"run": "1b", "first": 0, "restored": None, **LINEAR, "schedule_steps": STEPS}
BEFORE = CONTINUOUS | {"run": "1", "schedule_steps": SEAM}
AFTER = BEFORE | {"run": "3", "first": SEAM}
ARMS = [
    CONTINUOUS
    | {"run": "+".join(("arm", *parts)), "first": SEAM, "restored": ["parameters", *parts]}
    | {"schedule_position": SEAM if "schedule" in parts else 0}
    for count in range(4)
    for parts in itertools.combinations(attribution.FACTORS, count)
]


def series(run, motion, cells=None):
    """A series from (T, n) planted |ΔW|₂, in chunks of three steps."""
    motion = np.asarray(motion, np.float32)
    columns = {"dw_l2": motion, "hop_cells": motion if cells is None else cells}

    def chunks(name):
        return ((t, columns[name][t : t + 3]) for t in range(0, len(motion), 3))

    far = {name: np.arange(len(motion), dtype=np.float32) for name in untrained_motion.FROM_START}
    losses = np.linspace(10, 8, len(motion))
    return kick.series(run, chunks, far, losses, RULES)


def motion(steps, tokens, seed=0, first=0):
    """Cooling motion with a size of its own for every token."""
    size = np.random.default_rng(seed).lognormal(0, 0.3, tokens)
    return np.exp(-0.05 * (first + np.arange(steps)))[:, None] * size


def planted(factor_of_arm, tokens=30, stitched=2.0, seed=0):
    """All series; arm number a goes `factor_of_arm(a)` times as far as the continuous run."""
    whole = motion(STEPS, tokens, seed)
    parts = [series(CONTINUOUS, whole), series(BEFORE, whole[:SEAM] / 3)]
    parts.append(series(AFTER, stitched * whole[SEAM:]))
    arms = [
        series(arm, whole[SEAM:] * factor_of_arm(attribution.number_of_arm(arm["restored"])))
        for arm in ARMS
    ]
    return *parts, arms


def test_planted_effects_are_recovered_from_the_motion_of_tokens():
    effects = {(0,): 1.2, (1,): 0.6, (2,): 0.0, (0, 1): -0.3, (0, 2): 0.1, (1, 2): 0.0}
    effects[0, 1, 2] = 0.04

    def factor(arm):
        signs = [1 if arm >> i & 1 else -1 for i in range(3)]
        logs = (value / 2 * math.prod(signs[i] for i in g) for g, value in effects.items())
        return math.exp(sum(logs))

    summary = kick.summary(*planted(factor), RULES)
    names = [tuple(attribution.FACTORS.index(f) for f in e["factors"]) for e in summary["effects"]]
    assert names == [*effects]
    for effect, value in zip(summary["effects"], effects.values(), strict=True):
        assert effect["value"] == pytest.approx(value, abs=1e-6)
        # Every token is kicked alike, so that drawing others changes nothing.
        assert effect["interval_over_tokens"] == pytest.approx([value] * 2, abs=1e-6)
    assert [arm["reset"] for arm in summary["arms"]][:4] == [
        [],
        ["moments"],
        ["schedule"],
        ["moments", "schedule"],
    ]
    trend = math.exp(-0.05 * 5)
    for number, arm in enumerate(summary["arms"]):
        assert arm["kick_ratio"]["value"] == pytest.approx(trend * factor(number), rel=1e-6)
        assert arm["kick_over_continuous"]["value"] == pytest.approx(factor(number), rel=1e-6)
        excess = factor(number) - 1
        assert arm["excess_path_over_path"]["value"] == pytest.approx(excess, rel=1e-5, abs=1e-6)
        path = motion(STEPS, 30)[SEAM:].sum(axis=0).mean()
        assert arm["excess_path"]["value"] == pytest.approx(excess * path, rel=1e-5, abs=1e-5)
        spread = arm["token_log_ratios"]
        assert spread["std"] == pytest.approx(0, abs=1e-6)
        assert spread["median"] == pytest.approx(math.log(trend * factor(number)), abs=1e-6)
    assert summary["continuous"]["kick_ratio"]["value"] == pytest.approx(trend)
    assert summary["stitched"]["kick_ratio"]["value"] == pytest.approx(2 * 3 * trend)
    assert summary["tokens"] == 30


def test_arms_that_are_all_the_continuous_run_have_no_effect():
    summary = kick.summary(*planted(lambda arm: 1.0, stitched=1.0), RULES)
    for effect in summary["effects"]:
        low, high = effect["interval_over_tokens"]
        assert low <= 1e-12
        assert high >= -1e-12
        assert effect["beyond_pseudo_seams"] is False
        assert abs(effect["value"]) < 1e-12
    for arm in summary["arms"]:
        assert arm["kick_over_continuous"]["value"] == 1
        assert arm["excess_path"] == {"value": 0, "interval_over_tokens": [0, 0]}
        like = {"first": 1, "for_good": 1, "share_of_steps": 1}
        assert arm["moves_like_continuous"] == like


def test_intervals_cover_no_effect_as_often_as_they_say():
    """Each token of each arm goes its own way by chance, alike in all arms."""
    covered = []
    for seed in range(40):
        noise = np.random.default_rng(100 + seed).lognormal(0, 0.2, (8, 60))
        parts = planted(lambda arm, noise=noise: noise[arm], tokens=60, seed=seed)
        summary = kick.summary(*parts, RULES)
        ends = [effect["interval_over_tokens"] for effect in summary["effects"]]
        covered += [low <= 0 <= high for low, high in ends]
    assert 0.90 < np.mean(covered) < 0.985


def test_an_effect_of_some_tokens_widens_the_interval():
    one_in_three = np.where(np.arange(30) % 3, 1.0, 2.0)
    summary = kick.summary(*planted(lambda arm: one_in_three if arm & 1 else np.ones(30)), RULES)
    moments = summary["effects"][0]
    low, high = moments["interval_over_tokens"]
    assert 0 < low < moments["value"] < high < math.log(2)
    spread = summary["arms"][1]["token_log_ratios"]
    assert spread["p95"] - spread["p05"] == pytest.approx(math.log(2), abs=1e-6)


def test_the_parts_of_the_stitched_pairs_kick_add_up():
    sizes = [1.0, 1.7, 2.1, 3.3, 1.05, 1.8, 2.0, 3.6]
    summary = kick.summary(*planted(lambda arm: sizes[arm]), RULES)["contributions"]
    parts = {part["name"]: part for part in summary["parts"]}
    total = sum(part["value"] for part in parts.values())
    assert total == pytest.approx(summary["total"]["value"], abs=1e-12)
    assert summary["total"]["value"] == pytest.approx(math.log(6) - 0.25, abs=1e-6)
    assert parts["schedule_before_the_seam"]["value"] == pytest.approx(math.log(3), abs=1e-6)
    other = parts["other_weights_and_shorter_schedule"]["value"]
    assert other == pytest.approx(math.log(2 / 3.6), abs=1e-6)
    for i, factor in enumerate(attribution.FACTORS):
        part = parts[f"{factor}_reset"]
        added = [math.log(sizes[a | 1 << i] / sizes[a]) for a in range(8) if not a >> i & 1]
        assert part["orders"] == pytest.approx([min(added), max(added)])
        expected = attribution.contribution(np.log(sizes), i)
        assert part["value"] == pytest.approx(expected, abs=1e-6)


def wobbling(seed, stitched, factor_of_arm=lambda arm: 1.0, before=1.0, at_seam=1.0, tokens=30):
    """All series, with a burst by chance at every step, the same in all; the planted factors."""
    chance = np.random.default_rng(seed).lognormal(0, 0.2, STEPS)[:, None]
    whole = motion(STEPS, tokens, seed) * chance
    whole[SEAM : SEAM + 5] *= at_seam
    parts = [series(CONTINUOUS, whole), series(BEFORE, before * whole[:SEAM])]
    parts.append(series(AFTER, stitched * whole[SEAM:]))
    numbers = [attribution.number_of_arm(arm["restored"]) for arm in ARMS]
    arms = [series(a, whole[SEAM:] * factor_of_arm(n)) for a, n in zip(ARMS, numbers, strict=True)]
    return whole.mean(axis=1), kick.summary(*parts, arms, RULES)


def spread_of(mean):
    """2.5%, median, 97.5% of the log ratios at seams that share no step with the real one."""
    logs = [
        math.log(mean[s : s + 5].mean() / mean[s - 5 : s].mean())
        for s in range(5, STEPS - 4)
        if abs(s - SEAM) >= 10
    ]
    return np.quantile(logs, [0.025, 0.5, 0.975])


def test_planted_parts_are_judged_by_their_share_and_against_the_pseudo_seams():
    """Known: 3 by the moments, 1.5 by the schedule, 1.01 by the data, 10 by the denominator."""
    factors = (3, 1.5, 1.01)
    mean, summary = wobbling(
        2,
        stitched=math.prod(factors),
        factor_of_arm=lambda arm: math.prod(f for i, f in enumerate(factors) if arm >> i & 1),
        before=0.1,
    )
    low, median, high = spread_of(mean)
    assert high - median > math.log(1.01)  # so that chance covers the data's part
    trend = math.log(mean[SEAM : SEAM + 5].mean() / mean[SEAM - 5 : SEAM].mean())
    whole = trend + sum(map(math.log, factors)) + math.log(10)
    found = summary["contributions"]
    assert found["total"]["value"] == pytest.approx(whole, abs=1e-6)
    assert found["total"]["beyond_pseudo_seams"] is True
    planted_parts = {
        "continuous_trend": trend,
        "moments_reset": math.log(3),
        "schedule_reset": math.log(1.5),
        "data_reset": math.log(1.01),
        "other_weights_and_shorter_schedule": 0.0,
        "schedule_before_the_seam": math.log(10),
    }
    assert [part["name"] for part in found["parts"]] == [*planted_parts]
    for part, value in zip(found["parts"], planted_parts.values(), strict=True):
        assert part["share"] == pytest.approx(value / whole, abs=1e-6)
        ends = [value - (high - median), value - (low - median)]
        assert part["interval_over_pseudo_seams"] == pytest.approx(ends, abs=1e-6)
        shares = [end / whole for end in ends]
        assert part["share_over_pseudo_seams"] == pytest.approx(shares, abs=1e-6)
        assert part["beyond_pseudo_seams"] is not (low <= median + value <= high)
    beyond = {part["name"] for part in found["parts"] if part["beyond_pseudo_seams"]}
    assert {"moments_reset", "schedule_before_the_seam"} <= beyond
    assert not {"data_reset", "other_weights_and_shorter_schedule"} & beyond
    assert sum(part["share"] for part in found["parts"]) == pytest.approx(1)


def test_a_seam_where_nothing_happened_lies_within_the_spread_and_a_burst_does_not():
    for at_seam, beyond in ((1.0, False), (20.0, True)):
        mean, summary = wobbling(2, stitched=1.0, at_seam=at_seam)
        own = summary["continuous"]
        assert own["kick_ratio"]["beyond_pseudo_seams"] is beyond
        assert summary["contributions"]["total"]["beyond_pseudo_seams"] is beyond
        low, median, high = spread_of(mean)
        found = own["pseudo_seams"]
        assert found["log_ratio"]["p02_5"] == pytest.approx(low, abs=1e-6)
        assert found["log_ratio"]["p97_5"] == pytest.approx(high, abs=1e-6)
        assert (found["seams"], found["disjoint"]) == (12, 2)
        for arm in summary["arms"]:
            assert arm["kick_over_continuous"]["beyond_pseudo_seams"] is False
            ends = arm["kick_over_continuous"]["interval_over_pseudo_seams"]
            assert ends == pytest.approx(
                [math.exp(median - high), math.exp(median - low)], abs=1e-6
            )


def test_a_whole_of_nothing_has_no_shares():
    still = kick.Chance(-0.1, 0.0, 0.1)
    assert still.share(0.5, 0.0)["share"] is None
    assert still.share(0.5, math.nan)["share"] is None
    assert still.share(-1.0, -2.0) == {
        "share": 0.5,
        "share_over_pseudo_seams": pytest.approx([0.45, 0.55]),
    }


def test_what_learning_rates_alone_would_make_by_hand():
    """Rates of 40 steps: 0.6 to 0.52 before the seam, 0.5 to 0.4 after; of 20: 0.25 to 0.05."""
    summary = kick.summary(*planted(lambda arm: 1.0), RULES)["contributions"]
    computed = {part["name"]: part["from_learning_rates"] for part in summary["parts"]}
    before, after = np.mean([25, 24, 23, 22, 21]) / 40, np.mean([20, 19, 18, 17, 16]) / 40
    reset, last = np.mean([40, 39, 38, 37, 36]) / 40, np.mean([5, 4, 3, 2, 1]) / 20
    shorter = np.mean([20, 19, 18, 17, 16]) / 20
    expected = {
        "continuous_trend": math.log(after / before),
        "moments_reset": None,
        "schedule_reset": math.log(reset / after),
        "data_reset": None,
        "other_weights_and_shorter_schedule": math.log(shorter / reset),
        "schedule_before_the_seam": math.log(before / last),
    }
    assert {k: v for k, v in computed.items() if v is None} == {
        k: v for k, v in expected.items() if v is None
    }
    numbers = {name: value for name, value in expected.items() if value is not None}
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


def test_a_motion_shorter_than_the_window_is_reported():
    with pytest.raises(UserError, match=r"steps 1 to 5 .* has 4"):
        series(AFTER, motion(4, 3))


def test_rows_of_the_table():
    *parts, arms = planted(lambda arm: 2.0 if arm else 1.0)
    rows = kick.table(*parts, arms, SEAM, elements=16)
    assert len(rows) == 2 * STEPS + 8 * (STEPS - SEAM)
    of = {(row["series"], row["run"], row["step"]): row for row in rows.to_dict("records")}
    first = of["continuous", "1b", 1]
    assert (first["learning_rate"], first["over_continuous"], first["loss"]) == (1e-3, 1, 10)
    assert first["share_of_sign_step"] == pytest.approx(first["dw_l2_mean"] / 4e-3)
    assert math.isnan(first["excess_path_mean"])
    assert of["stitched", "1", SEAM]["over_continuous"] == pytest.approx(1 / 3)
    assert of["stitched", "3", SEAM + 1]["over_continuous"] == pytest.approx(2)
    assert of["stitched", "3", SEAM + 1]["learning_rate"] == 1e-3
    path = motion(STEPS, 30)[SEAM : SEAM + 3].mean(axis=1).sum()
    assert of["arm", "arm", SEAM + 3]["excess_path_mean"] == pytest.approx(path, rel=1e-5)
    assert of["arm+schedule", "arm+schedule", SEAM + 1]["learning_rate"] == pytest.approx(5e-4)


def drawn(parts, path, kind="png"):
    *runs, arms = parts
    summary = json.loads(json.dumps(kick.summary(*runs, arms, RULES)))
    summary = _null(summary)
    rows = kick.table(*runs, arms, SEAM, elements=16)
    with style.applied():
        drawing = figure.draw(rows, summary, "Planted", width_mm=180)
        style.save(drawing, path, kind, dpi=50)
    return drawing


def _null(value):
    """As JSON is written: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: _null(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_figure_shows_the_kick_and_is_the_same_bytes(kind, tmp_path):
    drawing = drawn(planted(lambda arm: 1 + arm), tmp_path / "a", kind)
    assert "× 4.67 in the stitched pair, × 0.78 without a break" in drawing.get_suptitle()
    drawn(planted(lambda arm: 1 + arm), tmp_path / "b", kind)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    *_, parts = drawing.axes
    widths = [bar.get_width() for bar in parts.patches]
    assert widths[-1] == pytest.approx(6 * math.exp(-0.25) - 1, rel=1e-5)
    kicks = drawing.axes[5]
    labels = [label.get_text() for label in kicks.get_yticklabels()]
    assert labels[:3] == ["all restored", "moments reset", "schedule reset"]
    assert labels[-2:] == ["all three reset", "stitched pair"]


@pytest.mark.filterwarnings("error")
def test_tokens_that_never_move_have_no_kick_and_a_figure_all_the_same(tmp_path):
    still = np.zeros((STEPS, 5))
    parts = [series(CONTINUOUS, still), series(BEFORE, still[:SEAM]), series(AFTER, still[SEAM:])]
    arms = [series(arm, still[SEAM:]) for arm in ARMS]
    summary = _null(kick.summary(*parts, arms, RULES))
    assert summary["stitched"]["kick_ratio"] == {
        "value": None,
        "interval_over_tokens": [None, None],
        "interval_over_pseudo_seams": [None, None],
        "beyond_pseudo_seams": None,
    }
    assert summary["stitched"]["token_log_ratios"]["tokens_without"] == 5
    assert all(effect["value"] is None for effect in summary["effects"])
    drawing = drawn((*parts, arms), tmp_path / "still.png")
    assert "there is no kick ratio" in drawing.get_suptitle()


# From trajectories to the picture, by the scripts.

VOCABULARY, ELEMENTS = 24, 8
UNTRAINED = np.arange(VOCABULARY) % 3 > 0
KICK = 3.0


def walk(start, steps, size, seed):
    """(steps + 1, V, D) bit patterns, of which each step goes `size` on average."""
    random = np.random.default_rng(seed)
    rows = [start]
    for _ in range(steps):
        before = (rows[-1].astype(np.uint32) << 16).view(np.float32)
        rows.append(bits_of(before + size * random.normal(size=start.shape)))
    return np.stack(rows)


def write_trajectory(path, weights):
    losses = bits_of(np.linspace(9, 8, len(weights)))
    fields = {"embeddings": ("BF16", weights.shape), "losses": ("BF16", losses.shape)}
    path.parent.mkdir(exist_ok=True)
    with TrajectoryWriter(path, fields) as file:
        file.write("embeddings", weights)
        file.write("losses", losses)


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory):
    """The continuous run and the pair with all rows, arms with untrained ones; moments kick."""
    folder = tmp_path_factory.mktemp("runs")
    start = bits_of(np.random.default_rng(0).normal(0, 0.02, (VOCABULARY, ELEMENTS)))
    whole = walk(start, STEPS, 1e-3, seed=1)
    first = walk(start, SEAM, 2e-4, seed=2)
    runs = {"1b": whole, "1": first, "3": walk(first[-1], STEPS - SEAM, 2e-3, seed=3)}
    for number, arm in enumerate(ARMS):
        size = 1e-3 * (1 if "moments" in arm["restored"] else KICK)
        rows = walk(whole[SEAM], STEPS - SEAM, size, seed=10 + number)
        runs[arm["run"]] = (whole[SEAM:] if len(arm["restored"]) == 4 else rows)[:, UNTRAINED]
    for name, weights in runs.items():
        write_trajectory(folder / name / "trajectory.safetensors", weights)
    # The losses of the continuous run from the seam on, for the arm that is to be the same.
    everything = folder / ARMS[-1]["run"] / "trajectory.safetensors"
    with TrajectoryWriter(everything, fields_of(everything), resume=True) as file:
        file.write("losses", bits_of(np.linspace(9, 8, STEPS + 1))[SEAM:])
    masks = {"untrained_mask": UNTRAINED, "untrained_indices": np.flatnonzero(UNTRAINED)}
    write_file(folder / "masks.safetensors", masks)
    return folder


def fields_of(path):
    with TrajectoryReader(path) as file:
        return file.fields


NAMES = ["1b", "1", "3", *(arm["run"] for arm in ARMS)]


def check(folder, report, **replaced):
    """check_continuation.py; `replaced` are other files for runs."""
    entries = [
        {"run": a["run"], "source": "1b", "whole": len(a["restored"]) == 4} for a in ARMS
    ] + [{"run": "3", "source": "1", "whole": False}]
    paths = {name: folder / name / "trajectory.safetensors" for name in NAMES} | replaced
    return run_script(
        "check_continuation",
        *("--settings", {"seam": SEAM, "vocab_size": VOCABULARY, "runs": entries}),
        *("--resumed", *(paths[entry["run"]] for entry in entries)),
        *("--sources", *(paths[entry["source"]] for entry in entries)),
        *("--masks", folder / "masks.safetensors", "--report", report),
    )


def test_scripts_from_trajectories_to_picture(trajectories, tmp_path):
    folder = trajectories
    done = check(folder, tmp_path / "check.json")
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        origin = "1" if name == "3" else "1b" if name.startswith("arm") else name
        done = run_script(
            "measure_untrained_motion",
            *("--settings", {"vocab_size": VOCABULARY}, "--masks", folder / "masks.safetensors"),
            *("--trajectory", folder / name / "trajectory.safetensors"),
            *("--origin", folder / origin / "trajectory.safetensors"),
            *("--motion", tmp_path / f"{name}.safetensors"),
        )
        assert done.returncode == 0, done.stderr
    chosen = ("seam", "window", "band", "hop_threshold", "resamples", "confidence", "random_seed")
    settings = {name: getattr(RULES, name) for name in chosen}
    table, summary = tmp_path / "a.csv", tmp_path / "a.json"
    files = "--table", table, "--summary", summary
    motions = [tmp_path / f"{name}.safetensors" for name in NAMES]
    settings["runs"] = [CONTINUOUS, BEFORE, AFTER, *ARMS]
    words = "--settings", settings, "--check", tmp_path / "check.json", "--motions", *motions
    done = run_script("compute_kick", *words, *files)
    assert done.returncode == 0, done.stderr
    report = json.loads(summary.read_text())
    assert report["tokens"] == UNTRAINED.sum() == 16
    equal = [r["equal_steps"] for r in report["continuation"]["equal_at_the_seam"] if r["whole"]]
    assert equal == [STEPS - SEAM]
    assert report["effects"][0]["value"] == pytest.approx(math.log(KICK), abs=0.1)
    assert report["effects"][0]["interval_over_tokens"][0] > 0.9
    for effect in report["effects"][1:]:
        assert abs(effect["value"]) < 0.1
    everything = report["arms"][0]
    assert everything["kick_over_continuous"]["interval_over_tokens"] == [1, 1]
    assert report["stitched"]["kick_ratio"]["value"] == pytest.approx(10, rel=0.1)
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    ends = [float(r["from_start_mean"]) for r in rows if int(r["step"]) == STEPS]
    assert ends[0] == ends[2 + len(ARMS) - 1]  # the run without a break, and as if without one
    look = {"title": "Planted", "width_mm": 180, "dpi": 50}
    done = run_script("draw_kick", "--settings", look, *files, "--figure", tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    shorter = [*motions[:2], motions[1], *motions[3:]]
    words = "--settings", settings | {"seam": 38}, *words[2:4], "--motions", *shorter
    done = run_script("compute_kick", *words, *files)
    assert done.returncode == 1
    assert "are needed, but the file has" in done.stderr


def test_one_bit_of_the_arm_that_restored_everything_is_found(trajectories, tmp_path):
    source = trajectories / ARMS[-1]["run"] / "trajectory.safetensors"
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(source.read_bytes())
    with TrajectoryWriter(path, fields_of(path), resume=True) as file:
        weights = flipped(source)
        file.write("embeddings", weights)
    done = check(trajectories, tmp_path / "made.json", **{ARMS[-1]["run"]: path})
    assert done.returncode == 1
    token = np.flatnonzero(UNTRAINED)[4]
    step = f"step {SEAM + 13}, 13 after the seam"
    assert f"arm+moments+schedule+data: token {token} differs from 1b after {step}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "made.json").exists()


def flipped(path):
    with TrajectoryReader(path) as file:
        weights = file.read("embeddings")
    weights[13, 4, 5] ^= 1
    return weights


@pytest.mark.parametrize(
    ("run", "other", "message"),
    [
        ("arm", "3", "arm: token 1 differs from 1b after step 20, where it begins"),
        ("3", "arm", "3: token 1 differs from 1 after step 20, where it begins"),
        ("1", "3", "3: token 1 differs from 1 after step 20"),
    ],
)
def test_a_trajectory_of_another_run_is_refused(trajectories, tmp_path, run, other, message):
    path = trajectories / other / "trajectory.safetensors"
    done = check(trajectories, tmp_path / "made.json", **{run: path})
    assert done.returncode == 1
    assert message in done.stderr


def test_a_missing_arm_and_a_wrong_vocabulary_are_refused(trajectories, tmp_path):
    done = check(trajectories, tmp_path / "made.json", arm=tmp_path / "none.safetensors")
    assert done.returncode == 1
    assert "none.safetensors: there is no such file" in done.stderr
    path = trajectories / "1b" / "trajectory.safetensors"
    masks = {"untrained_mask": UNTRAINED[:9], "untrained_indices": np.flatnonzero(UNTRAINED[:9])}
    write_file(tmp_path / "masks.safetensors", masks)
    done = run_script(
        "measure_untrained_motion",
        *("--settings", {"vocab_size": 9}, "--masks", tmp_path / "masks.safetensors"),
        *("--trajectory", path, "--origin", path, "--motion", tmp_path / "made.safetensors"),
    )
    assert done.returncode == 1
    assert "has 24 rows; expected 9, the whole vocabulary, or 6" in done.stderr
    assert not (tmp_path / "made.safetensors").exists()
