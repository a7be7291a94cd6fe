"""The audit on runs of every series: all is predicted, unless a record was tampered with."""

import argparse
import json

import hugging_face
import numpy as np
import pytest
import tiny_run
import torch
from planted import module, peak_bytes, run_script
from safetensors.torch import load_file

from deadtokens.causes import audit
from deadtokens.files.layout import NUMPY_DTYPE
from deadtokens.files.trajectory import TrajectoryReader, TrajectoryWriter
from deadtokens.recorded.steps import each
from deadtokens.update_law import UpdateLaw

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

audit_updates = module("audit_updates")

AUDITED = ("record", "rows", "naming", "clip_norm", "restore", "model", "random_seed")
FAMILIES = {
    "crucible": {},
    "decay": {"weight_decay": 0.3, "beta2": 0.9, "epsilon": 1e-4, "hidden_dim": 6},
    "all_rows": {"rows": "all", "record": ["W", "m", "v"]},
    "wide_states": {"state_precision": "float32"},
    "master": {"weight_precision": "float32", "weight_decay": 0.3},
    "stochastic": {"weight_precision": "stochastic", "weight_decay": 0.3, "hidden_dim": 6},
    "kahan": {"weight_precision": "kahan", "state_precision": "float32", "weight_decay": 0.3},
    "thimble": hugging_face.THIMBLE_7 | {"storage": "hdf5"},
    "thimble_packed": hugging_face.THIMBLE_7
    | {"storage": "hdf5", "compression": "deflate", "chunk_rows": 7},
    "wordybird": hugging_face.WORDYBIRD_1 | {"clip_norm": None},
    "clipped": hugging_face.WORDYBIRD_1,
}


def settings_of(run):
    """As the rule passes them."""
    return tiny_run.law_settings(run) | {key: getattr(run, key) for key in AUDITED}


def followed(chunks, token_ids, law):
    """The tallies along planted chunks, of a law that draws no random bits."""
    return audit.follow(each(chunks), token_ids, law, random_bits=None)


def audited(folder, run, trajectory=None):
    """What the script finds, in this process: torch takes seconds to begin in another."""
    found = folder / "audit.json"
    files = {"trajectory": trajectory or next(folder.glob("trajectory.*")), "audit": found}
    masks = folder / "masks.safetensors"
    audit_updates.main(argparse.Namespace(settings=settings_of(run), masks=masks, **files))
    return json.loads(found.read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    tiny_run.make_inputs(folder)
    run = tiny_run.settings()
    tiny_run.train(folder, run)
    return folder, run


def changed(folder, to, **changes):
    """A copy of the trajectory with fields that `changes` maps to a function of the old values."""
    path = to / "changed.safetensors"
    with TrajectoryReader(folder / "trajectory.safetensors") as old:
        fields = {name: old.read(name) for name in old.fields}
        with TrajectoryWriter(path, old.fields) as new:
            for name, values in fields.items():
                new.write(name, changes.get(name, lambda values: values)(values))
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_every_recorded_state_follows_from_the_one_before_it(tmp_path, family):
    run = tiny_run.settings(**FAMILIES[family])
    tiny_run.make_inputs(tmp_path)
    tiny_run.train(tmp_path, run)
    found = audited(tmp_path, run)
    masks = load_file(tmp_path / "masks.safetensors")
    tokens = len(masks["dead_mask"]) if run.rows == "all" else len(masks["dead_indices"])
    assert (found["steps"], found["tokens"]) == (run.total_steps, tokens)
    exact = ["W", "m", "v"] if "g" in run.record and run.clip_norm is None else ["W"]
    for name in exact:
        assert found[name] == {
            "elements": run.total_steps * tokens * run.hidden_dim,
            "predicted": run.total_steps * tokens * run.hidden_dim,
            "share": 1.0,
            "first_mismatch": None,
        }
    if run.clip_norm is not None:
        assert found["m"] == found["v"] == {"not_audited": audit.BEFORE_CLIPPING}
    elif "g" not in run.record:
        assert found["m"] == found["v"] == {"not_audited": audit.NOT_RECORDED}


def beside(x):
    """A value that no bfloat16 run can hold."""
    return np.nextafter(x, np.float32(1))


@pytest.mark.parametrize(
    ("field", "row", "change", "caught", "untouched"),
    [
        ("W", 7, lambda x: x ^ 1, {"W": 7}, ["m", "v"]),
        ("W", 0, lambda x: x ^ 0x40, {"W": 1}, ["m", "v"]),
        ("m", 5, lambda x: x * np.float32(1.5), {"m": 5}, ["v"]),
        ("v", 5, lambda x: x * np.float32(4), {"v": 5, "W": 5}, ["m"]),
        # Row 5 is the gradient of step 6.
        ("g", 5, lambda x: x * np.float32(4), {"m": 6, "v": 6}, ["W"]),
        ("m", 5, beside, {"m": 5, "W": 5}, ["v"]),
        ("g", 5, beside, {"m": 6, "v": 6}, ["W"]),
    ],
    ids=["W", "W0", "m", "v", "g", "m-beside", "g-beside"],
)
def test_one_element_tampered_with_is_caught_and_named(
    trained, tmp_path, field, row, change, caught, untouched
):
    folder, run = trained

    def tamper(values):
        values[row, 3, 11] = change(values[row, 3, 11])
        return values

    (tmp_path / "masks.safetensors").write_bytes((folder / "masks.safetensors").read_bytes())
    found = audited(tmp_path, run, changed(folder, tmp_path, **{field: tamper}))
    token = int(load_file(folder / "masks.safetensors")["dead_indices"][3])
    for name, step in caught.items():
        first = found[name]["first_mismatch"]
        assert (first["step"], first["token"], first["element"]) == (step, token, 11), name
        assert 1 <= found[name]["elements"] - found[name]["predicted"] <= 2
    for name in untouched:
        assert found[name]["first_mismatch"] is None


def optimized(gradients, **options):
    """The record of torch.optim.AdamW along these gradients, (T, n, D) bfloat16."""
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(gradients.shape[1:], generator=generator) * 0.02
    weight = torch.nn.Parameter(start.bfloat16())
    optimizer = torch.optim.AdamW([weight], lr=1e-3, weight_decay=0.0, **options)
    nothing = torch.zeros_like(weight)
    rows = {"W": [weight.detach().clone()], "m": [nothing], "v": [nothing]}
    for grad in gradients:
        weight.grad = grad.clone()
        optimizer.step()
        state = optimizer.state[weight]
        now = {"W": weight.detach(), "m": state["exp_avg"], "v": state["exp_avg_sq"]}
        for name, tensor in now.items():
            rows[name].append(tensor.clone())
    stacked = {name: torch.stack(tensors) for name, tensors in rows.items()}
    stacked["g"] = gradients
    return {name: tensor.view(torch.uint16).numpy() for name, tensor in stacked.items()}


def test_a_record_of_another_arithmetic_is_caught():
    """Fused AdamW rounds elsewhere (docs/numerics.md, 3)."""
    generator = torch.Generator().manual_seed(0)
    gradients = (torch.randn(30, 20, 16, generator=generator) * 1e-4).bfloat16()
    law = UpdateLaw(np.full(30, 1e-3), 0.9, 0.999, 1e-8)
    for options, pinned in (({"foreach": False, "fused": False}, True), ({"fused": True}, False)):
        rows = optimized(gradients, **options)
        found = followed([(0, rows)], np.arange(20), law)
        shares = {name: tally.predicted / tally.elements for name, tally in found.items()}
        assert (min(shares.values()) == 1) == pinned, shares
        if not pinned:
            assert shares["W"] < 0.999
            assert found["W"].first["step"] <= 5


def test_other_hyperparameters_than_the_runs_are_caught(trained):
    folder, run = trained
    with TrajectoryReader(folder / "trajectory.safetensors") as file:
        rows = {name: file.read(name) for name in ("W", "m", "v", "g")}
    right = {"beta1": run.beta1, "beta2": run.beta2, "epsilon": run.epsilon}
    rates = np.full(run.total_steps, run.learning_rate)
    ids = np.arange(rows["W"].shape[1])
    for wrong in ({"beta1": 0.89}, {"beta2": 0.99}, {"elapsed_steps": 1}):
        found = followed([(0, rows)], ids, UpdateLaw(rates, **right | wrong))
        assert any(tally.first for tally in found.values()), wrong
    law = UpdateLaw(rates * 1.01, **right)
    assert followed([(0, rows)], ids, law)["W"].first


@pytest.mark.parametrize("size", [1, 5, 12])
def test_the_chunks_change_nothing(trained, size):
    folder, run = trained
    law = UpdateLaw(np.full(12, run.learning_rate), run.beta1, run.beta2, run.epsilon)
    with TrajectoryReader(folder / "trajectory.safetensors") as file:
        rows = {name: file.read(name) for name in ("W", "m", "v", "g")}
    rows["m"][4, 2, 1] *= 2
    ids = np.arange(rows["W"].shape[1])
    whole = followed([(0, rows)], ids, law)
    parts = [
        (
            start,
            {name: values[start : start + size + (name != "g")] for name, values in rows.items()},
        )
        for start in range(0, 12, size)
    ]
    assert followed(parts, ids, law) == whole
    assert whole["m"].first["step"] == 4


@pytest.mark.parametrize("weights", ["float32", "stochastic", "kahan"])
def test_another_way_for_updates_to_land_is_caught(tmp_path, weights):
    """Their records are not those of rounding to the nearest, and the other way round."""
    tiny_run.make_inputs(tmp_path)
    tiny_run.train(tmp_path, tiny_run.settings(weight_precision=weights))
    found = audited(tmp_path, tiny_run.settings())
    assert found["W"]["first_mismatch"]["step"] <= 3
    assert found["m"]["share"] == found["v"]["share"] == 1


def test_what_is_kept_in_a_checkpoint_alone_cannot_be_carried_along():
    clean = {"recorded": True, "clipped": False}
    assert audit.why_not(**clean, weight_precision="float32", resumed=False) == {}
    assert audit.why_not(**clean, weight_precision="stochastic", resumed=True) == {}
    expected = {"W": audit.FROM_A_CHECKPOINT}
    assert audit.why_not(**clean, weight_precision="kahan", resumed=True) == expected


def test_settings_of_another_run_are_refused(trained, tmp_path):
    folder, run = trained
    wrong = settings_of(run)
    wrong["total_steps"] = 13
    done = run_script(
        "audit_updates",
        *("--settings", wrong, "--trajectory", folder / "trajectory.safetensors"),
        *("--masks", folder / "masks.safetensors", "--audit", tmp_path / "audit.json"),
    )
    assert done.returncode == 1
    assert "expected rows of one shape, 14 of each" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "audit.json").exists()


CODE = """
import numpy as np
from deadtokens.causes import audit
from deadtokens.recorded.rows import TokenRows
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.update_law import UpdateLaw
with TrajectoryReader("{path}") as file:
    rows = TokenRows(file, "crucible", np.ones(200, bool), "dead")
    steps = rows.steps(("W", "m", "v", "g"), 2_000_000)
    law = UpdateLaw(np.full({steps}, 1e-3), 0.9, 0.999, 1e-8, weight_precision="float32")
    audit.follow(steps, rows.token_ids, law, random_bits=None)
"""


def test_ten_times_the_steps_need_the_same_memory(tmp_path):
    peaks = []
    for steps in (60, 600):
        shape = (steps + 1, 200, 64)
        fields = {"W": ("U16", shape), "m": ("F32", shape), "v": ("F32", shape)}
        fields |= {"g": ("F32", (steps, 200, 64))}
        path = tmp_path / f"{steps}.safetensors"
        with TrajectoryWriter(path, fields):
            pass
        peaks.append(peak_bytes(CODE.format(path=path, steps=steps)))
    size = sum(np.dtype(NUMPY_DTYPE[kind]).itemsize * np.prod(s) for kind, s in fields.values())
    assert size > 100e6
    assert peaks[1] - peaks[0] < size / 8
