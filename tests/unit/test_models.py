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
    assert torch.equal(ours(ids) @ ours.W.T, theirs(ids)[0])


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
    assert torch.equal(ours(ids) @ ours.W.T, expected(ids).logits)


@pytest.mark.parametrize("model", models.MODELS)
def test_building_leaves_no_trace_in_the_random_state(model):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = models.build(tiny_run.settings(model=model))
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(100)
    assert torch.equal(models.build(tiny_run.settings(model=model)).W, first.W)


@pytest.mark.parametrize("model", models.MODELS)
def test_init_std_scales_the_embeddings(model):
    wide = models.build(tiny_run.settings(model=model, init_std=0.5)).W.float()
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


def test_a_point_is_one_vector_and_its_spread_is_the_seeds_noise():
    normal = models.build(tiny_run.settings())
    tight = models.build(tiny_run.settings(init="point"))
    assert (tight.W[0] == tight.W).all()
    assert 0.01 < tight.W[0].float().std() < 0.03  # init_std is 0.02
    wide = models.build(tiny_run.settings(init="point", init_spread=1.0))
    noise = (wide.W - tight.W).float()
    torch.testing.assert_close(noise, normal.W.float() * 50, rtol=0.02, atol=0.02)
    others = {name: p for name, p in normal.named_parameters() if name != normal.W_name}
    for name, param in wide.named_parameters():
        assert name == wide.W_name or torch.equal(param, others[name])


@pytest.mark.parametrize("model", models.MODELS)
def test_an_input_matrix_of_its_own_begins_as_a_copy_and_takes_the_input_gradient(model):
    ids = torch.arange(8).reshape(2, 4)
    tied, untied = (
        models.build(tiny_run.settings(model=model, tied_embeddings=how)) for how in (True, False)
    )
    assert torch.equal(tied(ids), untied(ids))
    for built in (tied, untied):
        (built(ids) @ built.W.T).float().logsumexp(dim=-1).sum().backward()
    assert torch.equal(tied.W.grad[8:], untied.W.grad[8:])  # of entries that are no input
    assert not torch.equal(tied.W.grad[:8], untied.W.grad[:8])
    assert untied.input_embedding.weight.grad[:8].any()
    assert not untied.input_embedding.weight.grad[8:].any()


def test_a_common_vector_reaches_the_hidden_states_and_no_probability():
    built = models.build(tiny_run.settings())
    ids = torch.arange(8).reshape(2, 4)
    plain = built(ids)
    built.common = torch.full((built.W.shape[1],), 0.25)
    shifted = built(ids)
    assert not torch.equal(plain, shifted)
    with torch.no_grad():
        built.common = None
        built.W.add_(0.25)
    torch.testing.assert_close(built(ids), shifted, rtol=0.05, atol=0.05)
