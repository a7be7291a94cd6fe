"""Which tokens a step sees: examples, and their order as a function of seed, epoch and position."""

from pathlib import Path

import numpy as np
import torch

from deadtokens.errors import UserError
from deadtokens.files import tokens as token_files


def load_tokens(path: Path, vocab_size: int) -> np.ndarray:
    """The ids of a corpus, int32 (n_tokens,); UserError if one is outside the vocabulary."""
    found = token_files.read(path)
    if found.max() >= vocab_size:
        raise UserError(
            f"{path}: token ids from {found.min()} to {found.max()}, but the run's vocab_size is "
            f"{vocab_size}. Encode the corpus with the tokenizer of this run."
        )
    return found


class Blocks:
    """Non-overlapping blocks of `seq_len` tokens; what is left over at the end is dropped."""

    def __init__(self, tokens: np.ndarray, seq_len: int, target_offset: int):
        count = len(tokens) // seq_len
        self._blocks = tokens[: count * seq_len].reshape(count, seq_len)
        self._offset = target_offset

    def __len__(self) -> int:
        return len(self._blocks)

    def take(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (B, L) and targets (B, L - target_offset), int64."""
        inputs = torch.from_numpy(self._blocks[indices].astype(np.int64))
        return inputs, inputs[:, self._offset :].contiguous()


class Windows:
    """Every run of `seq_len` + 1 consecutive tokens, one beginning at each token (stride 1)."""

    def __init__(self, tokens: np.ndarray, seq_len: int, target_offset: int):
        self._tokens = tokens
        self._places = np.arange(seq_len + 1)
        self._offset = target_offset

    def __len__(self) -> int:
        return max(0, len(self._tokens) - len(self._places) + 1)

    def take(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (B, L) and targets (B, L + 1 - target_offset), int64."""
        places = indices[:, None] + self._places  # (B, L + 1)
        windows = torch.from_numpy(self._tokens[places].astype(np.int64))
        return windows[:, :-1].contiguous(), windows[:, self._offset :].contiguous()


EXAMPLES = {"blocks": Blocks, "windows": Windows}


def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` examples in an epoch, int64.

    Made from the raw output of PCG64, which numpy keeps the same for ever; its shuffles it does not
    (NEP 19). Two equal keys of 64 bits are as good as impossible; a stable sort settles even these.
    """
    keys = np.random.PCG64(np.random.SeedSequence((seed, epoch))).random_raw(count)
    return np.argsort(keys, kind="stable")


class Batches:
    """The batch of every step: shuffled again each epoch, the incomplete last batch dropped.

    Any step can be asked for at any time. UserError if there is not one full batch.
    """

    def __init__(self, examples: Blocks | Windows, batch_size: int, seed: int):
        if len(examples) < batch_size:
            raise UserError(
                f"corpus: {len(examples)} examples, but a batch takes {batch_size}. "
                "Use a longer corpus, or a smaller batch_size or seq_len."
            )
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seed
        self._order = (None, None)  # the epoch drawn last, and its order
        self.per_epoch = len(examples) // batch_size

    def epochs(self, steps: int) -> int:
        """How many epochs are begun in so many steps."""
        return -(-steps // self.per_epoch)

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (B, L) and targets (B, n) of a step, counted from 1."""
        epoch, position = divmod(step - 1, self.per_epoch)
        if self._order[0] != epoch:
            self._order = epoch, permutation(self._seed, epoch, len(self._examples))
        start = position * self._batch_size
        return self._examples.take(self._order[1][start : start + self._batch_size])
