"""The one loop against the plain loop of the notebook, bit for bit; the script end to end."""

import json
import os
import subprocess
import sys

import hugging_face
import numpy as np
import pytest
import tiny_run
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from deadtokens.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained(folder, settings, **report):
    tiny_run.make_inputs(folder)
    outcome = tiny_run.train(folder, settings, **report)
    return load_file(folder / "trajectory.safetensors"), outcome


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"threads": 2},
        {"threads": 3, "weight_decay": 0.1},
        {"autocast": True},
        {"target_offset": 2, "num_layers": 1, "random_seed": 3},
        tiny_run.FREEZING,
        tiny_run.CRUCIBLE_1,
        tiny_run.CRUCIBLE_3,
        {"threads": 2, "rows": "all", "record": ["W", "centroid", "h_mean", "g"]},
        {"matmul_backend": "float32"},
        {"matmul_backend": "bfloat16"},
        {"matmul_backend": "float32", "threads": 2, "autocast": True, "target_offset": 2},
    ],
    ids=lambda changes: ",".join(f"{key}={value}" for key, value in changes.items()) or "published",
)
def test_every_recorded_field_equals_the_plain_loop_to_the_bit(tmp_path, changes):
    settings = tiny_run.settings(**changes)
    found, outcome = trained(tmp_path, settings)
    tokens = load_file(tmp_path / "tokens.safetensors")["tokens"].numpy()
    dead_mask = load_file(tmp_path / "masks.safetensors")["dead_mask"]
    expected = tiny_run.plain_loop(settings, tokens, dead_mask)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        same = found[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()
        assert same, f"{name} differs"
    assert outcome.epochs == 3  # 12 steps at 5 batches an epoch
    assert outcome.final_loss == expected["loss"][-1].item()
    if settings.last_motion:
        assert np.array_equal(outcome.last_motion_step, expected["last_motion_step"])


def test_the_small_run_would_show_a_mistake(tmp_path):
    """Losses fall, tokens move and stop at different steps: else equality would prove little."""
    found, _ = trained(tmp_path, tiny_run.settings(**tiny_run.FREEZING))
    assert len(found["last_motion_step"].unique()) > 2
    found, _ = trained(tmp_path, tiny_run.settings())
    assert found["loss"][-1] < found["loss"][1]
    assert found["g"].count_nonzero() > 0


def test_fewer_fields_change_no_bit_of_the_others(tmp_path):
    full, _ = trained(tmp_path, tiny_run.settings())
    part, _ = trained(tmp_path, tiny_run.settings(record=["W"]))
    assert part.keys() == full.keys() - {"m", "v", "g", "delta_W_prime"}
    for name, tensor in part.items():
        assert tensor.numpy().tobytes() == full[name].numpy().tobytes(), name


def test_report_begins_with_the_steps_done_and_then_names_every_step(tmp_path):
    reported = []
    found, _ = trained(
        tmp_path, tiny_run.settings(), report=lambda *arguments: reported.append(arguments)
    )
    assert [step for step, _ in reported] == list(range(13))
    assert np.array_equal([loss for _, loss in reported], found["loss"], equal_nan=True)


@pytest.mark.parametrize(
    "key", ["model", "examples", "head", "adamw", "precision", "rows", "naming", "device"]
)
def test_an_unknown_name_is_reported_with_those_there_are(tmp_path, key):
    settings = tiny_run.settings(**{key: "no-such"})
    with pytest.raises(UserError, match=f"{key}: unknown name 'no-such'.*expected one of"):
        trained(tmp_path, settings)
    assert not (tmp_path / "trajectory.safetensors").exists()


ONE_CPU = """
import os, subprocess, sys
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
sys.exit(subprocess.call(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "family",
    [
        {},
        pytest.param(hugging_face.THIMBLE_7, marks=pytest.mark.slow),
        hugging_face.WORDYBIRD_1,
    ],
    ids=["crucible", "thimble", "wordybird"],
)
def test_the_same_bytes_whatever_a_scheduler_grants(tmp_path, family):
    """Snakemake and Slurm set thread variables and the CPUs of a job; a run follows neither."""
    trained(tmp_path, tiny_run.settings(**family))
    with_one_thread = (tmp_path / "trajectory.safetensors").read_bytes()
    family = family | {"threads": 2}
    trained(tmp_path, tiny_run.settings(**family))
    expected = (tmp_path / "trajectory.safetensors").read_bytes()
    if with_one_thread == expected:
        pytest.skip("bits do not depend on the number of threads here: nothing could be proved")

    variables = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "MKL_DYNAMIC": "TRUE"}
    words = tiny_run.command_line(tmp_path, tmp_path / "three", **family)
    subprocess.run(words, env=os.environ | variables, check=True, capture_output=True)
    assert (tmp_path / "three" / "trajectory.safetensors").read_bytes() == expected

    one_cpu = [sys.executable, "-c", ONE_CPU] if hasattr(os, "sched_setaffinity") else []
    variables = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    words = [*one_cpu, *tiny_run.command_line(tmp_path, tmp_path / "one", **family)]
    subprocess.run(words, env=os.environ | variables, check=True, capture_output=True)
    assert (tmp_path / "one" / "trajectory.safetensors").read_bytes() == expected


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_ten_times_the_steps_need_the_same_memory(tmp_path):
    tiny_run.make_inputs(tmp_path, 2000)
    peaks = []
    for steps in (6, 60):
        big = {"vocab_size": 2000, "hidden_dim": 64, "rows": "all", "total_steps": steps}
        words = tiny_run.command_line(tmp_path, tmp_path / str(steps), **big)
        result = tiny_run.completed([sys.executable, "-c", PEAK, *words])
        unit = 1 if sys.platform == "darwin" else 1024
        peaks.append(int(result.stdout) * unit)
    size = (tmp_path / "60" / "trajectory.safetensors").stat().st_size
    assert size > 120e6
    assert peaks[1] - peaks[0] < size / 6


COMMON = [
    *("experiment", "series", "date", "total_steps", "batch_size", "seq_len"),
    *("learning_rate", "weight_decay", "beta1", "beta2", "epsilon", "vocab_size"),
    *("hidden_dim", "num_layers", "num_heads", "random_seed", "n_dead_tokens", "final_loss"),
    *("total_epochs", "device", "data_shapes", "notes", "provenance"),
]


@pytest.mark.parametrize(
    ("changes", "keys", "shapes"),
    [
        (
            tiny_run.CRUCIBLE_1
            | {"statistics": ["global_last_motion", "fimbulwinter_duration"], "total_steps": 3},
            {"motion_threshold", "global_last_motion", "fimbulwinter_duration"},
            ["W", "delta_W_prime", "centroid", "loss", "last_motion_step"],
        ),
        (
            tiny_run.CRUCIBLE_3 | {"statistics": ["n_live_tokens"], "total_steps": 3},
            {"n_live_tokens"},
            ["W", "h_mean", "loss"],
        ),
    ],
    ids=["crucible1", "crucible3"],
)
def test_metadata_of_the_other_notebooks_has_their_keys(tmp_path, changes, keys, shapes):
    tiny_run.make_inputs(tmp_path)
    result = tiny_run.run_script(tmp_path, tmp_path / "out", **changes)
    assert result.returncode == 0, result.stderr
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert metadata.keys() == keys | set(COMMON)
    assert [*metadata["data_shapes"]] == shapes


def test_a_statistic_that_cannot_be_stops_a_run_before_it_begins(tmp_path):
    tiny_run.make_inputs(tmp_path)
    for changes, message in (
        ({"statistics": ["last_word"]}, "statistics: unknown name 'last_word'"),
        ({"last_motion": False}, "statistics: global_last_motion comes from last_motion_step"),
    ):
        result = tiny_run.run_script(tmp_path, tmp_path / "out", **changes)
        assert result.returncode == 1
        assert message in result.stderr
        assert not (tmp_path / "out").exists()


def test_script_leaves_the_two_outputs_alone_with_the_keys_of_the_notebook(tmp_path):
    tiny_run.make_inputs(tmp_path)
    result = tiny_run.run_script(tmp_path, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "12/12" in result.stderr
    assert tiny_run.files(tmp_path / "out") == ["metadata.json", "trajectory.safetensors"]
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert [*metadata] == [
        *("experiment", "series", "date", "total_steps", "batch_size", "seq_len"),
        *("learning_rate", "weight_decay", "beta1", "beta2", "epsilon", "vocab_size"),
        *("hidden_dim", "num_layers", "num_heads", "random_seed", "motion_threshold"),
        *("n_dead_tokens", "final_loss", "total_epochs", "device", "global_last_motion"),
        *("tokens_still_moving", "data_shapes", "notes", "provenance"),
    ]
    provenance = metadata["provenance"]
    assert provenance["settings"].items() >= tiny_run.SETTINGS.items()
    assert provenance["code"] == "of-the-test"
    assert provenance["machine"]["cpu_capability"]
    with safe_open(tmp_path / "out" / "trajectory.safetensors", framework="np") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in metadata["data_shapes"]}
    assert metadata["data_shapes"] == shapes
    assert shapes.keys() == {*tiny_run.SETTINGS["record"], "loss", "last_motion_step"}


def test_script_ends_with_one_message_and_nothing_half_written(tmp_path):
    tiny_run.make_inputs(tmp_path)
    result = tiny_run.run_script(tmp_path, tmp_path / "out", batch_size=50)
    assert result.returncode == 1
    assert "corpus: 21 examples, but a batch takes 50" in result.stderr
    assert "Traceback" not in result.stderr
    assert [*(tmp_path / "out").iterdir()] == []
