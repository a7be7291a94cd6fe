"""Parts of a run's checkpoint restored by another: Wordybird 3, and every combination of parts."""

import copy
import itertools
import json
import re

import hugging_face
import pytest
import tiny_run
import torch
from safetensors.torch import load_file
from transformers import get_linear_schedule_with_warmup

from deadtokens.errors import UserError
from deadtokens.training.origin import PARTS

SEAM, STEPS = 10, 24
SOURCE = hugging_face.WORDYBIRD_1 | {
    **{"run": "wordybird1b", "total_steps": STEPS, "save_checkpoint_at": [SEAM]},
}
ARM = hugging_face.WORDYBIRD_1 | {
    **{"run": "arm", "total_steps": STEPS - SEAM, "schedule_steps": STEPS},
    **{"resume_run": "wordybird1b", "resume_step": SEAM},
}
FIELDS = ("embeddings", "grads", "momentum", "variance", "logits", "losses")
ARMS = [
    ["parameters", *others]
    for count in range(4)
    for others in itertools.combinations(("moments", "schedule", "data"), count)
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with the continuous run and the checkpoint that it left."""
    folder = tmp_path_factory.mktemp("source")
    tiny_run.make_inputs(folder)
    kept = {SEAM: folder / "checkpoint.safetensors"}
    tiny_run.train(folder, tiny_run.settings(**SOURCE), kept=kept)
    (folder / "trajectory.safetensors").rename(folder / "continuous.safetensors")
    return folder


def arm(source, tmp_path, **changes):
    settings = tiny_run.settings(**ARM | changes)
    tiny_run.make_inputs(tmp_path)
    tiny_run.train(tmp_path, settings, begin_from=source / "checkpoint.safetensors")
    return load_file(tmp_path / "trajectory.safetensors")


def same(a, b):
    return torch.equal(*(t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b)))


def test_a_run_with_every_part_restored_is_the_continuous_run(source, tmp_path):
    found = arm(source, tmp_path, restore=[*PARTS])
    continuous = load_file(source / "continuous.safetensors")
    for name in FIELDS:
        assert same(found[name][1:], continuous[name][SEAM + 1 :]), name
    for name in ("embeddings", "momentum", "variance"):
        assert same(found[name][0], continuous[name][SEAM]), name


@pytest.mark.parametrize("restore", ARMS, ids=lambda parts: "+".join(parts))
def test_every_combination_equals_what_torch_does_with_those_parts(source, tmp_path, restore):
    found = arm(source, tmp_path, restore=restore)
    settings = tiny_run.settings(**SOURCE)
    tokens = load_file(source / "tokens.safetensors")["tokens"].numpy()
    W = continued_by_hand(settings, tokens, restore)
    assert same(found["embeddings"], W)


def test_no_two_combinations_are_the_same_run(source, tmp_path):
    runs = {arm(source, tmp_path, restore=r)["embeddings"].float().numpy().tobytes() for r in ARMS}
    assert len(runs) == 8


def continued_by_hand(run, tokens, restore):
    """W after each step from the seam on, by torch's optimizer and transformers' schedule."""
    torch.set_num_threads(run.threads)

    def fresh(model):
        optimizer = torch.optim.AdamW(
            model.parameters(), run.learning_rate, (run.beta1, run.beta2), run.epsilon, 0.0
        )
        return optimizer, get_linear_schedule_with_warmup(optimizer, 0, run.total_steps)

    def step(at):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**dataset.batch(run, at)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.clip_norm)
        optimizer.step()
        schedule.step()

    model = hugging_face.published_model(run).train()
    dataset = hugging_face.TokenDataset(run, tokens)
    optimizer, schedule = fresh(model)
    for at in range(1, SEAM + 1):
        step(at)
    states = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
    optimizer, schedule = fresh(model)
    if "moments" in restore:
        rate = optimizer.param_groups[0]["lr"]
        optimizer.load_state_dict(states[0])
        optimizer.param_groups[0]["lr"] = rate
    if "schedule" in restore:
        schedule.load_state_dict(states[1])
        optimizer.param_groups[0]["lr"] = schedule.get_last_lr()[0]
    elapsed = SEAM if "data" in restore else 0
    W = [model.transformer.wte.weight.detach().clone()]
    for at in range(1, run.total_steps - SEAM + 1):
        step(elapsed + at)
        W.append(model.transformer.wte.weight.detach().clone())
    return torch.stack(W)


def test_wordybird_3_equals_a_second_trainer_on_the_weights_of_the_first(tmp_path):
    """Its optimizer and schedule are reset, and its batches come again."""
    tiny_run.make_inputs(tmp_path)
    tokens = load_file(tmp_path / "tokens.safetensors")["tokens"].numpy()
    masks = load_file(tmp_path / "masks.safetensors")
    first = hugging_face.WORDYBIRD_1 | {"run": "wordybird1", "save_checkpoint_at": [STEPS]}
    first |= {"total_steps": STEPS}
    kept = {STEPS: tmp_path / "checkpoint.safetensors"}
    tiny_run.train(tmp_path, tiny_run.settings(**first), kept=kept)
    third = hugging_face.WORDYBIRD_1 | {"run": "wordybird3", "restore": ["parameters"]}
    third |= {"total_steps": STEPS, "resume_run": "wordybird1", "resume_step": STEPS}
    tiny_run.train(tmp_path, tiny_run.settings(**third), begin_from=kept[STEPS])
    found = load_file(tmp_path / "trajectory.safetensors")

    settings = tiny_run.settings(**third)
    model, _ = hugging_face.wordybird_by_trainer(settings, tokens, masks, tmp_path)
    model.forward = type(model).forward.__get__(model)  # without the first Trainer's autocast
    _, expected = hugging_face.wordybird_by_trainer(settings, tokens, masks, tmp_path, model)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert same(found[name], tensor), name


def test_counts_go_on_over_two_seams(source, tmp_path):
    """A checkpoint of a resumed run knows how many steps its parts have taken in all."""
    continuous = load_file(source / "continuous.safetensors")
    tiny_run.make_inputs(tmp_path)
    second = {"run": "second", "total_steps": 6, "restore": [*PARTS], "save_checkpoint_at": [6]}
    kept = {6: tmp_path / "second.safetensors"}
    tiny_run.train(
        tmp_path,
        tiny_run.settings(**ARM | second),
        kept=kept,
        begin_from=source / "checkpoint.safetensors",
    )
    third = {"run": "third", "total_steps": 8, "restore": [*PARTS]}
    third |= {"resume_run": "second", "resume_step": 6}
    tiny_run.train(tmp_path, tiny_run.settings(**ARM | third), begin_from=kept[6])
    found = load_file(tmp_path / "trajectory.safetensors")
    assert same(found["embeddings"], continuous["embeddings"][SEAM + 6 :])


def test_a_resumed_run_killed_between_goes_on_to_the_same_bytes(source, tmp_path):
    arm(source, tmp_path, restore=["parameters", "data"], checkpoint_seconds=0)
    expected = (tmp_path / "trajectory.safetensors").read_bytes()

    def die(step, loss):
        if step == 7:
            raise KeyboardInterrupt

    settings = tiny_run.settings(**ARM, restore=["parameters", "data"], checkpoint_seconds=0)
    begun_at, begin_from = [], source / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        tiny_run.train(tmp_path, settings, die, begin_from=begin_from)
    tiny_run.train(
        tmp_path, settings, lambda step, loss: begun_at.append(step), begin_from=begin_from
    )
    assert begun_at[0] == 6
    assert (tmp_path / "trajectory.safetensors").read_bytes() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resume_run": "wordybird1"}, "belongs to the run wordybird1b, not to wordybird1"),
        ({"resume_step": 11}, "is of step 10, but resume_step is 11"),
        ({"hidden_dim": 32}, r"\(48,\) there and .* \(96,\) in the run. Both runs need"),
        ({"num_layers": 1}, "absent in the run. Both runs need the same model"),
        ({"model": "tinylm"}, "Both runs need the same model"),
        ({"restore": ["weights"]}, "restore: unknown name 'weights'; expected one of parameters"),
    ],
    ids=str,
)
def test_a_checkpoint_that_does_not_fit_is_refused(source, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        arm(source, tmp_path, **{"restore": ["parameters", "moments"]} | changes)
    assert not (tmp_path / "trajectory.safetensors").exists()


def test_a_damaged_checkpoint_is_refused_with_its_remedy(source, tmp_path):
    content = bytearray((source / "checkpoint.safetensors").read_bytes())
    settings = tiny_run.settings(**ARM, restore=["parameters"])
    tiny_run.make_inputs(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    content[-9] ^= 1
    for damaged in (content, content[:-100], b""):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="Make it again, by the run wordybird1b"):
            tiny_run.train(tmp_path, settings, begin_from=path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"restore": ["parameters"]}, "give all three, or none"),
        ({"resume_run": "a", "resume_step": 3}, "give all three, or none"),
        ({"resume_run": "a", "restore": ["data"]}, "give all three, or none"),
        ({"save_checkpoint_at": [0]}, r"save_checkpoint_at: \[0\], expected ascending steps"),
        ({"save_checkpoint_at": [13]}, "from 1 to total_steps: 12"),
        ({"save_checkpoint_at": [5, 4]}, "ascending"),
        ({"save_checkpoint_at": [4, 4]}, "ascending"),
        ({"save_checkpoint_at": [4.0]}, "expected list of int"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_reported(changes, message):
    with pytest.raises(UserError, match=message):
        tiny_run.settings(**changes)


def test_the_script_keeps_a_checkpoint_and_begins_from_it(tmp_path):
    tiny_run.make_inputs(tmp_path)
    path = tmp_path / "out" / "checkpoint_8.safetensors"
    words = tiny_run.command_line(
        tmp_path, tmp_path / "out", run="first", save_checkpoint_at=[8], total_steps=9
    )
    result = tiny_run.completed([*words, "--checkpoint", str(path)])
    assert result.returncode == 0, result.stderr
    assert len(tiny_run.files(path.parent)) == 3
    second = {"resume_run": "first", "resume_step": 8, "restore": [*PARTS], "total_steps": 1}
    words = tiny_run.command_line(tmp_path, tmp_path / "two", **second)
    result = tiny_run.completed([*words, "--from-checkpoint", str(path)])
    assert result.returncode == 0, result.stderr
    found = [load_file(tmp_path / place / "trajectory.safetensors") for place in ("out", "two")]
    assert same(found[0]["W"][8:], found[1]["W"])
    inputs = json.loads((tmp_path / "two" / "metadata.json").read_text())["provenance"]["inputs"]
    assert inputs.keys() == {"tokens", "masks", "from_checkpoint"}


def test_the_script_says_what_is_missing(tmp_path):
    tiny_run.make_inputs(tmp_path)
    resumed = {"resume_run": "first", "resume_step": 8, "restore": ["parameters"]}
    nowhere = ["--from-checkpoint", str(tmp_path / "none.safetensors")]
    for changes, more, message in (
        (resumed, [], "resume_run: first, but as checkpoint to begin from none was given"),
        (resumed, nowhere, "The run first leaves one after step 8 if save_checkpoint_at names"),
        ({}, nowhere, "resume_run: null, but .*none.safetensors was given"),
        ({"save_checkpoint_at": [2]}, [], r"save_checkpoint_at: \[2\], but 0 paths"),
    ):
        words = tiny_run.command_line(tmp_path, tmp_path / "out", **changes)
        result = tiny_run.completed([*words, *more])
        assert result.returncode == 1
        assert re.search(message, result.stderr)
        assert "Traceback" not in result.stderr
