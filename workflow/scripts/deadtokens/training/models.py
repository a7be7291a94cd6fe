"""The language models, each from token ids to hidden states, and their tied embedding matrix.

Logits and loss are no part of a model (see `head`). A model draws its initial weights in the order
in which the published notebooks drew them, so the same seed gives the same weights.
"""

import torch
from torch import nn

from deadtokens.training.settings import RunSettings, choice

PRECISIONS = {"bfloat16": torch.bfloat16}


class TinyLM(nn.Module):
    """The published model of the Crucible runs: pre-norm transformer with learned positions."""

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

    @property
    def tied(self) -> nn.Parameter:
        """The matrix W that embeds tokens and that the head multiplies with: (V, D)."""
        return self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Hidden states (B, L, D) of token ids (B, L)."""
        length = ids.shape[1]
        positions = torch.arange(length, device=ids.device).unsqueeze(0)  # (1, L)
        hidden = self.embedding(ids) + self.pos_embedding(positions)
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        return self.ln_f(self.transformer(hidden, mask=mask, is_causal=True))


MODELS = {"tinylm": TinyLM}


def build(settings: RunSettings) -> nn.Module:
    """The model at step 0: drawn in float32 from the run's seed, then cast to its precision.

    Leaves torch's global random state as it was.
    """
    model = choice("model", settings.model, MODELS)
    dtype = choice("precision", settings.precision, PRECISIONS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.random_seed)
        return model(settings).to(dtype).train()
