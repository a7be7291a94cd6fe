"""Models against those of the notebooks; settings that no model can have."""

import hugging_face
import pytest
import tiny_run
import torch

from deadtokens.errors import UserError
from deadtokens.training import models


def published(settings):
    torch.manual_seed(settings.random_seed)
    return tiny_run.PublishedTinyLM(
        settings.vocab_size,
        settings.hidden_dim,
        settings.num_layers,
        settings.num_heads,
        settings.seq_len,
    ).to(torch.bfloat16)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("changes", [{}, {"num_layers": 3, "num_heads": 4}, {"random_seed": 7}])
def test_initial_weights_and_logits_are_those_of_the_notebook(changes):
    settings = tiny_run.settings(**changes)
    ours, theirs = models.build(settings), published(settings)
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, tensor in ours.state_dict().items():
        assert tensor.dtype == torch.bfloat16, name
        assert torch.equal(tensor, expected[name]), name
    ids = torch.randint(settings.vocab_size, (3, settings.seq_len))
    assert torch.equal(ours(ids) @ ours.tied.T, theirs(ids)[0])


@pytest.mark.parametrize("changes", [{}, {"random_seed": 7, "hidden_dim": 32, "num_layers": 3}])
def test_initial_weights_of_gpt2_are_those_of_the_notebook(changes):
    settings = tiny_run.settings(**hugging_face.GPT2 | changes)
    ours = models.build(settings)
    expected = hugging_face.published_model(settings)
    names = [name for name, _ in expected.named_parameters()]
    assert [name for name, _ in ours.named_parameters()] == names  # clipping sums in this order
    for name, parameter in expected.named_parameters():
        tensor = ours.get_parameter(name)
        assert tensor.dtype == torch.bfloat16, name
        assert torch.equal(tensor, parameter), name
    ids = torch.randint(settings.vocab_size, (3, settings.seq_len))
    assert torch.equal(ours(ids) @ ours.tied.T, expected(ids).logits)


@pytest.mark.parametrize("model", models.MODELS)
def test_building_leaves_no_trace_in_the_random_state(model):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = models.build(tiny_run.settings(model=model))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(100)
    assert torch.equal(models.build(tiny_run.settings(model=model)).tied, first.tied)


@pytest.mark.parametrize("model", models.MODELS)
def test_init_std_scales_the_embeddings(model):
    wide = models.build(tiny_run.settings(model=model, init_std=0.5)).tied.float()
    assert wide.std().item() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("model", models.MODELS)
def test_hidden_states_do_not_see_the_future(model):
    model = models.build(tiny_run.settings(model=model))
    ids = torch.randint(211, (2, 12))
    changed = ids.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 211
    assert torch.equal(model(ids)[:, :7], model(changed)[:, :7])
    assert not torch.equal(model(ids)[:, 7:], model(changed)[:, 7:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_dim": 15}, "hidden_dim: 15 cannot be shared among num_heads: 2"),
        ({"target_offset": 12}, "target_offset: 12, expected less than seq_len: 12"),
        ({"total_steps": 0}, "total_steps: 0, expected 1 or more"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is str, expected float"),
        ({"batch_size": True}, "batch_size: True is bool, expected int"),
        ({"batch_size": 4.0}, "batch_size: 4.0 is float, expected int"),
        ({"record": "W"}, "record: 'W' is str, expected list of str"),
        ({"record": ["W", 1]}, "record: .*expected list of str"),
        ({"clip_norm": "1"}, "clip_norm: '1' is str, expected float or null"),
        ({"clip_norm": 0}, "clip_norm: 0, expected more than 0, or null for none"),
        ({"schedule_steps": 0}, "schedule_steps: 0, expected 1 or more"),
        ({"schedule_steps": 2.5}, "schedule_steps: 2.5 is float, expected int or null"),
        ({"learning_rat": 1.0}, "unknown key 'learning_rat' .is 'learning_rate' meant"),
    ],
)
def test_settings_that_cannot_be_are_reported_by_key(changes, message):
    with pytest.raises(UserError, match=message):
        tiny_run.settings(**changes)


def test_a_missing_key_is_named():
    values = {key: value for key, value in tiny_run.SETTINGS.items() if key != "beta2"}
    with pytest.raises(UserError, match="missing beta2"):
        type(tiny_run.settings()).from_json(values)
