"""TinyLM against the notebook's class; settings that no model can have."""

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
    assert torch.equal(ours(ids) @ ours.tied.T, theirs(ids))


def test_building_leaves_no_trace_in_the_random_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = models.build(tiny_run.settings())
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(100)
    assert torch.equal(models.build(tiny_run.settings()).tied, first.tied)


def test_init_std_scales_the_embeddings():
    wide = models.build(tiny_run.settings(init_std=0.5)).tied.float()
    assert wide.std().item() == pytest.approx(0.5, rel=0.1)


def test_hidden_states_do_not_see_the_future():
    model = models.build(tiny_run.settings())
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
        ({"device": "cuda"}, "device: 'cuda' is not supported"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is str, expected float"),
        ({"batch_size": True}, "batch_size: True is bool, expected int"),
        ({"batch_size": 4.0}, "batch_size: 4.0 is float, expected int"),
        ({"record": "W"}, "record: 'W' is str, expected list of str"),
        ({"learning_rat": 1.0}, "unknown key 'learning_rat' .is 'learning_rate' meant"),
    ],
)
def test_settings_that_cannot_be_are_told_by_key(changes, message):
    with pytest.raises(UserError, match=message):
        tiny_run.settings(**changes)


def test_a_missing_key_is_named():
    values = {key: value for key, value in tiny_run.SETTINGS.items() if key != "beta2"}
    with pytest.raises(UserError, match="missing beta2"):
        type(tiny_run.settings()).from_json(values)
