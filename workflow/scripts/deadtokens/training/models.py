"""The language models, each from token ids to hidden states, and their matrix W.

Logits and loss are no part of a model (see `head`). A model draws its initial weights in the order
in which the published notebooks drew them, so the same seed gives the same weights.

W (V, D) is what the head multiplies with. With tied embeddings, as published, it embeds tokens too;
otherwise `input_embedding` does, which begins as a copy of W, so that both begin as one model.
"""

import torch
from torch import nn

from deadtokens.training.settings import RunSettings, choice

PRECISIONS = {"bfloat16": torch.bfloat16}


class TinyLM(nn.Module):
    """The published model of the Crucible runs: pre-norm transformer with learned positions."""

    W_name = "embedding.weight"
    common: torch.Tensor | None = None  # (D,) float32, what W is held without (`weights.centred`)

    def __init__(self, settings: RunSettings):
        super().__init__()
        width = settings.hidden_dim
        self.embedding = nn.Embedding(settings.vocab_size, width)
        self.pos_embedding = nn.Embedding(settings.seq_len, width)
        layer = nn.TransformerEncoderLayer(
            d_model=width,
            nhead=settings.num_heads,
            dim_feedforward=width * 4,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        # The encoder deep-copies the layer, so all layers begin alike, as in the notebooks.
        # Nested tensors serve inference alone, and pre-norm layers cannot use them.
        self.transformer = nn.TransformerEncoder(
            layer, num_layers=settings.num_layers, enable_nested_tensor=False
        )
        self.ln_f = nn.LayerNorm(width)
        nn.init.normal_(self.embedding.weight, mean=0.0, std=settings.init_std)
        nn.init.normal_(self.pos_embedding.weight, mean=0.0, std=settings.init_std)
        begin(self, settings)

    @property
    def W(self) -> nn.Parameter:
        """(V, D)."""
        return self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states (B, L, D) of token ids (B, L)."""
        length = ids.shape[1]
        positions = torch.arange(length, device=ids.device).unsqueeze(0)  # (1, L)
        hidden = embed(self, ids) + self.pos_embedding(positions)
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        return self.ln_f(self.transformer(hidden, mask=mask, is_causal=True))


class GPT2(nn.Module):
    """The published model of the Thimble and Wordybird runs: GPT-2's blocks by Hugging Face."""

    W_name = "transformer.wte.weight"
    common: torch.Tensor | None = None  # as TinyLM's

    def __init__(self, settings: RunSettings):
        super().__init__()
        # It takes seconds to import, and the Crucible runs do without it.
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=settings.vocab_size,
            n_positions=settings.seq_len,
            n_embd=settings.hidden_dim,
            n_layer=settings.num_layers,
            n_head=settings.num_heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            tie_word_embeddings=True,
            bos_token_id=None,  # they matter to generation alone, and are none of ours
            eos_token_id=None,
            attn_implementation="sdpa",  # what it chooses by itself, unless the environment differs
        )
        # With its head, whose initial weights are drawn too, so that the others are the published.
        self.transformer = GPT2LMHeadModel(config).transformer
        # Wordybird's notebook seeds again before it draws the embeddings. Of Thimble's it is
        # only known that they were drawn again.
        torch.manual_seed(settings.random_seed)
        drawn = torch.randn(settings.vocab_size, settings.hidden_dim) * settings.init_std
        with torch.no_grad():
            self.W.copy_(drawn)
        begin(self, settings)

    @property
    def W(self) -> nn.Parameter:
        """(V, D)."""
        return self.transformer.wte.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states (B, L, D) of token ids (B, L)."""
        embedded = embed(self, ids)
        return self.transformer(inputs_embeds=embedded, use_cache=False).last_hidden_state


MODELS = {"tinylm": TinyLM, "gpt2": GPT2}


def normal(W: torch.Tensor, settings: RunSettings) -> torch.Tensor:
    """As drawn: normal with standard deviation `init_std`, float32 like W."""
    return W


def point(W: torch.Tensor, settings: RunSettings) -> torch.Tensor:
    """All rows one vector, drawn with `init_std`, plus normal noise of `init_spread`; float32.

    The noise is what `normal` would have been, in another size, so that a seed's runs differ in
    nothing else; the vector is drawn apart, so that all other weights stay those of the seed.
    """
    apart = torch.Generator().manual_seed(settings.random_seed ^ 0xFFFFFFFF)
    vector = torch.randn(W.shape[1], generator=apart) * settings.init_std
    return vector + W * (settings.init_spread / settings.init_std)


INITS = {"normal": normal, "point": point}


@torch.no_grad()
def begin(model: nn.Module, settings: RunSettings) -> None:
    """Give W, as drawn, the initial values of the run, and the input its own matrix if it has one.

    Values are float32 here; `build` rounds them.
    """
    model.W.copy_(choice("init", settings.init, INITS)(model.W, settings))
    model.input_embedding = None
    if not settings.tied_embeddings:
        model.input_embedding = nn.Embedding(*model.W.shape, _weight=model.W.detach().clone())


def embed(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Embeddings (B, L, D) of token ids (B, L)."""
    if model.input_embedding is not None:
        return model.input_embedding(ids)
    embedded = nn.functional.embedding(ids, model.W)
    return embedded if model.common is None else embedded + model.common.to(embedded.dtype)


def build(settings: RunSettings) -> nn.Module:
    """The model at step 0: drawn in float32 from the run's seed, then cast to its precision.

    Leaves torch's global random state as it was.
    """
    model = choice("model", settings.model, MODELS)
    dtype = choice("precision", settings.precision, PRECISIONS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.random_seed)
        return model(settings).to(dtype).train()
