"""Tokenizers, token ids, and the masks that tell live tokens from dead ones.

The tokenizer is the published one: byte-pair encoding of characters, words found by the
pre-tokenizer `Whitespace`, one special token, every character of its corpus in the alphabet.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from deadtokens.errors import UserError
from deadtokens.text.characters import script_of_token

END_OF_TEXT = "<|endoftext|>"
PIECE_CHARACTERS = 1 << 18
EXAMPLES_IN_MESSAGE = 5


def train_tokenizer(corpus: Path, vocab_size: int, min_frequency: int) -> Tokenizer:
    """Learn a tokenizer of exactly `vocab_size` entries from a UTF-8 file.

    Raises UserError if the corpus has more characters, or too few pairs worth merging.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    tokenizer.train([str(corpus)], trainer)
    size = tokenizer.get_vocab_size()
    if size < vocab_size:
        raise UserError(
            f"the tokenizer trained on {corpus} has {size} entries, not vocab_size = {vocab_size}: "
            f"no further pair of entries occurs min_frequency = {min_frequency} times; give it "
            "more text, or lower vocab_size or min_frequency"
        )
    if size > vocab_size:
        raise UserError(
            f"the tokenizer trained on {corpus} has {size} entries, not vocab_size = {vocab_size}: "
            f"the text has {size - 1} different characters, and each is an entry of its own; "
            "raise vocab_size, or give it text with fewer different characters"
        )
    return tokenizer


def load_tokenizer(path: Path, vocab_size: int | None = None) -> Tokenizer:
    """Read a tokenizer JSON; UserError if it is none, or has another size than `vocab_size`."""
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no tokenizer file {path}: check its path") from None
    except Exception as error:  # the library raises a bare Exception for what it cannot read
        raise UserError(
            f"{path} is no tokenizer ({error}): expected a JSON file as Tokenizer.save of the "
            "tokenizers library writes it"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    size = tokenizer.get_vocab_size()
    if vocab_size is not None and size != vocab_size:
        raise UserError(
            f"the tokenizer {path} has {size} entries, but vocab_size is {vocab_size}: "
            f"set vocab_size to {size}, or give another tokenizer"
        )
    return tokenizer


def encode(
    tokenizer: Tokenizer, corpus: Path, piece_characters: int = PIECE_CHARACTERS
) -> Iterator[np.ndarray]:
    """Token ids of a UTF-8 file in pieces, (n,) int32; joined, those of the whole text at once.

    A piece ends after a line feed. The pre-tokenizer `Whitespace` drops those and looks at no text
    across them; with any other, or with a normalizer or post-processor, the text is one piece.
    """
    splits_at_line_feeds = (
        isinstance(tokenizer.pre_tokenizer, pre_tokenizers.Whitespace)
        and tokenizer.normalizer is None
        and tokenizer.post_processor is None
    )
    if not splits_at_line_feeds:
        yield _ids(tokenizer, corpus.read_bytes().decode())
        return
    with corpus.open(encoding="utf-8", newline="") as file:
        unfinished = ""
        while text := file.read(piece_characters):
            finished, line_feed, rest = text.rpartition("\n")
            if line_feed:
                yield _ids(tokenizer, unfinished + finished + line_feed)
                unfinished = rest
            else:
                unfinished += rest
        yield _ids(tokenizer, unfinished)


def count_tokens(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """Occurrences of every entry, (vocab_size,) int64; UserError if an id is no entry's."""
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < vocab_size:
        raise UserError(
            f"the token ids run from {tokens.min()} to {tokens.max()}, but the tokenizer has "
            f"{vocab_size} entries: encode the corpus with this tokenizer"
        )
    return np.bincount(tokens, minlength=vocab_size).astype(np.int64)


def given_dead_mask(path: Path, counts: np.ndarray) -> np.ndarray:
    """The `dead_mask` of a user's mask file, (vocab_size,) bool; it may name fewer than are dead.

    Raises UserError if there is none, it has another length, or claims dead a token that occurs.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is no mask file: {error}; expected safetensors") from None
    if "dead_mask" not in tensors:
        raise UserError(
            f"the mask file {path} has the tensors {sorted(tensors)}, but no dead_mask: "
            "one bool per entry of the tokenizer"
        )
    dead = tensors["dead_mask"]
    if dead.shape != counts.shape:
        raise UserError(
            f"dead_mask in {path} has the shape {dead.shape}, but the tokenizer has "
            f"{len(counts)} entries: give the masks that belong to this tokenizer"
        )
    dead = dead != 0
    wrong = np.flatnonzero(dead & (counts > 0))
    if len(wrong):
        first = ", ".join(f"{i} ({counts[i]} times)" for i in wrong[:EXAMPLES_IN_MESSAGE])
        raise UserError(
            f"dead_mask in {path} claims dead {len(wrong)} tokens that occur in the model corpus, "
            f"first of all {first}: give masks made from this corpus, or none at all"
        )
    return dead


def masks(dead: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """The tensors of a mask file (docs/formats.md); UserError if no token is dead."""
    if not dead.any():
        raise UserError(
            f"no token is dead: all {len(counts)} entries of the tokenizer occur in the model "
            "corpus; train the tokenizer on text that the model corpus has not, or shorten the "
            "model corpus"
        )
    return {
        "live_mask": ~dead,
        "dead_mask": dead,
        "live_indices": np.flatnonzero(~dead),
        "dead_indices": np.flatnonzero(dead),
        "token_occurrence_counts": counts,
    }


def report_dead(tokenizer: Tokenizer, dead: np.ndarray, counts: np.ndarray) -> dict:
    """Numbers of live and dead entries, in all and by script; a table for people."""
    special = {added.content for added in tokenizer.get_added_tokens_decoder().values()}
    scripts = [script_of_token(tokenizer.id_to_token(i) or "", special) for i in range(len(dead))]
    n_entries, n_dead = Counter(scripts), Counter(np.array(scripts)[dead].tolist())
    return {
        "tokens": int(counts.sum()),
        "entries": len(dead),
        "live": int((~dead).sum()),
        "dead": int(dead.sum()),
        "dead_share": float(dead.mean()),
        "every_thai_token_dead": n_dead["Thai"] == n_entries["Thai"] if n_entries["Thai"] else None,
        "by_script": {
            script: {"entries": entries, "dead": n_dead[script]}
            for script, entries in n_entries.most_common()
        },
    }


def _ids(tokenizer: Tokenizer, text: str) -> np.ndarray:
    return np.array(tokenizer.encode(text).ids, np.int32)
