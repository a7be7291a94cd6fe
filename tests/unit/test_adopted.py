"""A trajectory that was made elsewhere is held to what the configuration says of its run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import published
import pytest
import torch
from safetensors.torch import load_file, save_file

from deadtokens.errors import UserError
from deadtokens.files import digests, links, provenance
from deadtokens.files.checksums import Checksums
from deadtokens.files.provenance import Record
from deadtokens.recorded import adopted, adoption

PROGRAM = Path(__file__).parents[2] / "workflow/scripts/adoption/adopt_trajectory.py"
V, D, T = 20, 4, 12
COMMON = {"run": "mine", "total_steps": T, "hidden_dim": D, "vocab_size": V, "init_std": 0.02}
COMMON |= {"learning_rate": 1e-3, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.999, "notes": ""}
COMMON |= {"random_seed": 42, "storage": "safetensors"}
SERIES = {
    "crucible1": {"naming": "crucible", "rows": "dead", "last_motion": True}
    | {"record": ["W", "delta_W_prime", "centroid"]},
    "crucible2": {"naming": "crucible", "rows": "dead", "last_motion": True}
    | {"record": ["W", "m", "v", "g", "delta_W_prime"]},
    "crucible3": {"naming": "crucible", "rows": "all", "last_motion": False}
    | {"record": ["W", "h_mean"]},
    "thimble7": {"naming": "thimble", "rows": "all", "last_motion": False}
    | {"record": ["W", "g", "m", "v"], "storage": "hdf5"},
    "wordybird1": {"naming": "wordybird", "rows": "all", "last_motion": False}
    | {"record": ["W", "g", "m", "v", "logits"]},
}


def made(folder: Path, name: str, **said) -> Path:
    path = folder / "elsewhere" / f"{name}.file"
    if name.startswith("crucible"):
        published.crucible(path, int(name[-1]), T, D, V, **said)
    elif name == "thimble7":
        published.thimble(path, T, D, V, **said)
    else:
        published.wordybird(path, T, D, V, **said)
        published.wordybird_masks(folder / "masks.file", V)
    return path


def masks_of(folder: Path, name: str) -> list[Path]:
    return [folder / "masks.file"] if name == "wordybird1" else []


def examined(path: Path, folder: Path, name: str, **changes) -> np.ndarray:
    """All checks of the program; which tokens are dead."""
    beside = path.parent / "metadata.json"
    settings = COMMON | SERIES[name] | changes
    metadata = beside if beside.exists() else None
    return adoption.examined(path, settings, masks_of(folder, name), metadata)[0]


def changed(path: Path, **tensors) -> None:
    found = {**load_file(path), **tensors}
    save_file({name: tensor for name, tensor in found.items() if tensor is not None}, path)


@pytest.mark.parametrize("name", SERIES)
def test_the_notebooks_own_files_fit(tmp_path, name):
    dead = examined(made(tmp_path, name), tmp_path, name)
    assert np.array_equal(dead, published.dead_mask(V).numpy())


DISAGREEING = {
    "total_steps": ({"total_steps": T + 3}, "it records 12 steps, and total_steps is 15"),
    "hidden_dim": ({"hidden_dim": 8}, "expected U16 or BF16 (13, 10, 8)"),
    "rows": ({"rows": "all"}, "expected U16 or BF16 (13, 20, 4)"),
    "vocab_size": ({"vocab_size": 21}, "its mask has 20 entries"),
    "record, more": (
        {"record": ["W", "m", "v", "g", "delta_W_prime", "h_mean"]},
        "it has no h_mean",
    ),
    "record, less": (
        {"record": ["W", "m", "v", "g"]},
        "delta_W_prime, which the configuration does",
    ),
    "last_motion": ({"last_motion": False}, "set runs.mine.last_motion"),
    "naming": ({"naming": "wordybird"}, "it has no embeddings"),
    "storage": ({"storage": "hdf5"}, "is no HDF5, but runs.mine.storage is hdf5"),
}


@pytest.mark.parametrize("kind", DISAGREEING)
def test_another_run_is_refused(tmp_path, kind):
    changes, expected = DISAGREEING[kind]
    path = made(tmp_path, "crucible2")
    with pytest.raises(UserError) as error:
        examined(path, tmp_path, "crucible2", **changes)
    assert expected in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("crucible1", {"learning_rate": 0.002}, "learning_rate is 0.002 there and 0.001"),
        ("crucible1", {"random_seed": 7}, "metadata.json: random_seed is 7 there and 42"),
        ("thimble7", {"learning_rate": 0.002}, "learning_rate is 0.002 there and 0.001"),
        ("thimble7", {"n_dead": 3}, "n_dead is 3 there and 10"),
        ("wordybird1", {"learning_rate": 0.002}, "learning_rate is 0.002"),
    ],
)
def test_what_a_file_says_of_itself_counts(tmp_path, name, said, expected):
    path = made(tmp_path, name, **said)
    with pytest.raises(UserError, match="of another run") as error:
        examined(path, tmp_path, name)
    assert expected in str(error.value)


def test_metadata_of_another_file_in_the_folder_is_not_used(tmp_path):
    path = made(tmp_path, "crucible1", learning_rate=0.002)
    beside = path.parent / "metadata.json"
    said = json.loads(beside.read_text())
    said["data_shapes"]["W"][0] += 1
    beside.write_text(json.dumps(said))
    examined(path, tmp_path, "crucible1")


ROWS = {
    "zeros": (lambda d: {"W": torch.zeros_like(d["W"])}, "W is zero everywhere"),
    "foreign rows": (lambda d: {"W": d["W"].flip(1)}, "delta_W_prime of step 1"),
    "last motion": (lambda d: {"last_motion_step": d["last_motion_step"] + 9}, "reaches from"),
    "key": (lambda d: {"mine": torch.zeros(2)}, "it has mine, which the configuration"),
    "mask": (lambda d: {"dead_mask": d["dead_mask"].roll(1)}, "dead_indices (10) are not"),
    "dtype": (lambda d: {"delta_W_prime": d["delta_W_prime"].double()}, "delta_W_prime is F64"),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_and_keys_that_cannot_be(tmp_path, kind):
    change, expected = ROWS[kind]
    path = made(tmp_path, "crucible1")
    changed(path, **change(load_file(path)))
    with pytest.raises(UserError) as error:
        examined(path, tmp_path, "crucible1")
    assert expected in str(error.value)


def test_masks_that_differ(tmp_path):
    path = made(tmp_path, "crucible1")
    flags = published.dead_mask(V).roll(1)
    save_file({"dead_mask": flags}, tmp_path / "other.safetensors")
    with (
        adopted.opened(path) as file,
        pytest.raises(UserError, match="masks of dead tokens differ"),
    ):
        adopted.dead_mask(file, COMMON, tmp_path / "other.safetensors")
    without = adopted.opened(made(tmp_path, "wordybird1"))
    with without as file, pytest.raises(UserError, match="Set mask_file"):
        adopted.dead_mask(file, COMMON)


def test_fields_are_those_that_training_lays_out():
    """Of every run of the default configuration, by training's own table."""
    import yaml

    from deadtokens.training import masks as training_masks
    from deadtokens.training import recording, settings
    from planning import configuration, schema, slices

    root = Path(__file__).parents[2]
    given = yaml.safe_load((root / "config/config.yaml").read_text())
    rules = schema.load(root / "workflow/schemas/config.schema.yaml")
    resolved = configuration.resolve(given, rules)
    for name in resolved["runs"]:
        run = slices.training(resolved, {"run": name})
        dead = np.arange(run["vocab_size"]) % 3 == 0
        laid_out = recording.layout(
            settings.RunSettings.from_json(run),
            training_masks.Masks(dead, np.flatnonzero(dead)),
        )
        patterns = adopted.fields(slices.adoption(resolved, {"run": name}), dead)
        assert patterns.keys() == laid_out.keys(), name
        for field, (dtype, shape) in laid_out.items():
            assert dtype in patterns[field][0], (name, field)
            assert shape == tuple(patterns[field][1]), (name, field)


def adopt(folder: Path, path: Path, name: str = "crucible1") -> subprocess.CompletedProcess:
    beside = path.parent / "metadata.json"
    results = folder / "results" / name
    command = [sys.executable, PROGRAM, "--settings", json.dumps(COMMON | SERIES[name])]
    command += ["--given", path, "--identity", "abc"]
    command += ["--given-metadata", *([beside] if beside.exists() else [])]
    command += ["--masks", *masks_of(folder, name)]
    command += ["--trajectory", results / "trajectory.safetensors"]
    command += ["--own-masks", results / "masks.safetensors"]
    command += ["--metadata", results / "metadata.json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_program_leads_to_the_file_and_says_what_it_is(tmp_path):
    path = made(tmp_path, "crucible1")
    before = path.read_bytes()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    result = adopt(tmp_path, path)
    path.parent.chmod(0o755)
    assert result.returncode == 0, result.stderr
    link = tmp_path / "results/crucible1/trajectory.safetensors"
    assert link.is_symlink()
    assert os.path.samefile(link, path)
    assert path.read_bytes() == before
    (record,) = provenance.recorded(link)
    assert record.identity == "abc"
    assert record.checksums == Checksums.of(path)
    said = json.loads((link.parent / "metadata.json").read_text())
    import hashlib

    assert said["provenance"]["adopted"]["sha256"] == hashlib.sha256(before).hexdigest()
    assert said["final_loss"] == 5.0
    assert said["device"] == "mps"


DAMAGED = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "text": lambda path: path.write_text("no tensors at all"),
    "empty": lambda path: path.write_bytes(b""),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_file_that_cannot_be_read_is_one_error(tmp_path, kind):
    path = made(tmp_path, "crucible1")
    DAMAGED[kind](path)
    result = adopt(tmp_path, path)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert str(path) in result.stderr
    assert "ake it again" not in result.stderr
    assert not (tmp_path / "results/crucible1/metadata.json").exists()


def test_a_link_is_replaced_and_nothing_else_is(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text(path.name)
    link = tmp_path / "results/trajectory.safetensors"

    def put(path):
        made_by = {"program": links.MADE_BY}
        links.put(link, path, Record.of(path, "x", made_by))

    put(one)
    one.write_text("changed since")
    assert links.is_ours(link)
    put(other)
    assert link.read_text() == "other"
    assert one.read_text() == "changed since"
    link.unlink()
    link.write_text("mine")
    with pytest.raises(UserError, match="differs from what"):
        put(one)
    assert link.read_text() == "mine"
    link.unlink()
    provenance.place(link).unlink()
    link.symlink_to(tmp_path / "a disk that is away")
    with pytest.raises(UserError, match="its disk may be away"):
        put(one)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path):
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 3_000_000)
    seen = []

    def grow(done):
        seen.append(done)
        os.utime(path, ns=(1, len(seen)))

    with pytest.raises(UserError, match="changed while it was read"):
        digests.of(path, grow)
    assert seen == [1 << 20, 1 << 21, 3_000_000]
    assert digests.checksums(path) == Checksums.of(path)
