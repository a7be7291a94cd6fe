"""Tokenizers, token ids, and the masks that distinguish live tokens from dead ones.

Two kinds of byte-pair encoding are trained. Flannel's, `characters`: words found by the
pre-tokenizer `Whitespace`, every character of its corpus in the alphabet. Wordybird's, `bytes`:
GPT-2's own kind (`byte_level`). Both have one special token.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from deadtokens.errors import UserError
from deadtokens.files import masks as mask_files
from deadtokens.files.trajectory import TrajectoryReader
from deadtokens.text import byte_level, library
from deadtokens.text.byte_level import END_OF_TEXT
from deadtokens.text.corpus import check_text
from deadtokens.text.entries import texts_and_scripts
from deadtokens.text.losses import Losses

log = logging.getLogger("fimbulwinter")

PIECE_CHARACTERS = 1 << 18
EXAMPLES_IN_MESSAGE = 5

# What the two families of experiments call tokens that occur and tokens that never do.
MASK_NAMES = {"live_dead": ("live", "dead"), "trained_untrained": ("trained", "untrained")}

# Up to the last place where a word or mark ends before a space or a line feed. What is no
# whitespace to Python is none to the tokenizers either, which know a few separators less.
_UP_TO_LAST_END = re.compile(r".*\S(?=[ \n])", re.DOTALL)


def train_tokenizer(
    corpus: Path, vocab_size: int, min_frequency: int, kind: str = "characters"
) -> Tokenizer:
    """Learn a tokenizer of exactly `vocab_size` entries from a UTF-8 file; its kind: `TRAINERS`.

    Raises UserError if the corpus has more characters, or too few pairs worth merging.
    """
    tokenizer = TRAINERS[kind](corpus, vocab_size, min_frequency)
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


def train_characters(corpus: Path, vocab_size: int, min_frequency: int) -> Tokenizer:
    """Learn Flannel's kind of tokenizer, without a check of its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    with library.explained(f"no tokenizer can be trained on {corpus}", library.TRAINING_TEXT):
        tokenizer.train([str(corpus)], trainer)
    return tokenizer


TRAINERS = {"characters": train_characters, "bytes": byte_level.train}


def load_tokenizer(path: Path, vocab_size: int | None = None) -> Tokenizer:
    """Read a tokenizer JSON; UserError if it is none, or has another size than `vocab_size`.

    Its ids are a pure function of the text: `library.make_pure` switches off the rest, and the log
    says what.
    """
    if not path.exists():
        raise UserError(f"there is no tokenizer file {path}: check its path")
    expected = "expected a JSON file as Tokenizer.save of the tokenizers library writes it"
    with library.explained(f"{path} is no tokenizer", expected):
        tokenizer = library.read(path.read_text(encoding="utf-8"))
        was_on = library.make_pure(tokenizer)
    if was_on:
        log.warning(
            "%s: switched off %s, so that ids follow from the text alone", path, ", ".join(was_on)
        )
    library.check_ids(tokenizer, path)
    if vocab_size is not None:
        check_size(tokenizer, path, vocab_size)
    return tokenizer


def check_size(tokenizer: Tokenizer, path: Path, vocab_size: int) -> None:
    """UserError if the tokenizer, from this file, has not `vocab_size` entries."""
    size = tokenizer.get_vocab_size()
    if size != vocab_size:
        raise UserError(
            f"the tokenizer {path} has {size} entries, but vocab_size is {vocab_size}: "
            f"set vocab_size to {size}, or give another tokenizer"
        )


def encode(
    tokenizer: Tokenizer,
    corpus: Path,
    piece_characters: int = PIECE_CHARACTERS,
    losses: Losses | None = None,
) -> Iterator[np.ndarray]:
    """Token ids of a UTF-8 file in pieces, (n,) int32; joined, those of the whole text at once.

    A piece ends where whitespace begins, if the tokenizer can be cut there; else the text is one.
    What the tokenizer loses of the text is added to `losses`. Raises UserError if the text is not
    UTF-8, or if the tokenizer cannot encode it.
    """
    losses = Losses(tokenizer) if losses is None else losses
    advice = "give a tokenizer that has an entry, or an unknown token, for all of this text"
    pieces = _pieces(corpus, piece_characters if _can_be_cut(tokenizer) else None)
    try:
        for piece in pieces:
            with library.explained(f"{losses.name} cannot encode {corpus}", advice):
                ids = losses.encode(piece)
            yield ids
    except UnicodeDecodeError:
        check_text(corpus)
        raise


def _pieces(corpus: Path, piece_characters: int | None) -> Iterator[str]:
    """The text of a file, cut where whitespace begins after so many characters; None: in one."""
    if piece_characters is None:
        yield corpus.read_bytes().decode()
        return
    with corpus.open(encoding="utf-8", newline="") as file:
        unfinished = ""
        while text := file.read(piece_characters):
            searched = max(len(unfinished) - 1, 0)
            unfinished += text
            if found := _UP_TO_LAST_END.match(unfinished, searched):
                yield unfinished[: found.end()]
                unfinished = unfinished[found.end() :]
        yield unfinished


def count_tokens(tokens: np.ndarray, vocab_size: int) -> np.ndarray:
    """Occurrences of every entry, (vocab_size,) int64; UserError if an id is no entry's."""
    if len(tokens) and not 0 <= tokens.min() <= tokens.max() < vocab_size:
        raise UserError(
            f"the token ids run from {tokens.min()} to {tokens.max()}, but the tokenizer has "
            f"{vocab_size} entries: encode the corpus with this tokenizer"
        )
    return np.bincount(tokens, minlength=vocab_size).astype(np.int64)


def given_dead_mask(path: Path, counts: np.ndarray) -> np.ndarray:
    """The dead tokens of a user's mask file, (vocab_size,) bool; it may name fewer than are dead.

    Flags may be numbers, 0 and 1. Raises UserError if there is no mask, one of another length or
    without a dead token, one that its file contradicts, or that claims dead a token that occurs.
    """
    with TrajectoryReader(path) as file:
        name = mask_files.mask_name(file)
        if name is None:
            names = [f"{dead}_mask" for _, dead in MASK_NAMES.values()]
            raise UserError(
                f"the mask file {path} has the tensors {sorted(file.fields)}, but no "
                f"{' or '.join(names)}: one bool per entry of the tokenizer"
            )
        dead = mask_files.read_dead(file, numbers_too=True)
        stated = mask_files.counts(file, len(dead))
    if dead.shape != counts.shape:
        raise UserError(
            f"{name} in {path} has the shape {dead.shape}, but the tokenizer has "
            f"{len(counts)} entries: give the masks that belong to this tokenizer"
        )
    wrong = np.flatnonzero(dead & (counts > 0))
    if len(wrong):
        first = ", ".join(f"{i} ({counts[i]} times)" for i in wrong[:EXAMPLES_IN_MESSAGE])
        raise UserError(
            f"{name} in {path} claims dead {len(wrong)} tokens that occur in the model corpus, "
            f"first of all {first}: give masks made from this corpus, or none at all"
        )
    if stated is not None and not np.array_equal(stated, counts):
        first = np.flatnonzero(stated != counts)[0]
        raise UserError(
            f"{mask_files.COUNTS} in {path} are not those of the model corpus, first of all of "
            f"token {first}: {stated[first]} there, {counts[first]} in the text; give masks made "
            "from this corpus, or leave the counts out"
        )
    return dead


def masks(dead: np.ndarray, counts: np.ndarray, names: str = "live_dead") -> dict[str, np.ndarray]:
    """The tensors of a mask file, named as one of `MASK_NAMES`; UserError if no token is dead."""
    if not dead.any():
        raise UserError(
            f"no token is dead: all {len(counts)} entries of the tokenizer occur in the model "
            "corpus; train the tokenizer on text that the model corpus has not, or shorten the "
            "model corpus"
        )
    live_name, dead_name = MASK_NAMES[names]
    tensors = {
        f"{live_name}_mask": ~dead,
        f"{dead_name}_mask": dead,
        f"{live_name}_indices": np.flatnonzero(~dead),
        f"{dead_name}_indices": np.flatnonzero(dead),
    }
    # Wordybird's file has none.
    return tensors | ({"token_occurrence_counts": counts} if names == "live_dead" else {})


def report_dead(tokenizer: Tokenizer, dead: np.ndarray, counts: np.ndarray) -> dict:
    """Numbers of live and dead entries, in all and by script, and the dead ones by name.

    The script `partial` is that of bytes which are no whole characters; such an entry stands as the
    tokenizer writes it.
    """
    texts, scripts = texts_and_scripts(tokenizer, range(len(dead)))
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
        "dead_tokens": {
            str(i): tokenizer.id_to_token(i) if texts[i] is None else texts[i]
            for i in np.flatnonzero(dead).tolist()
        },
    }


def _can_be_cut(tokenizer: Tokenizer) -> bool:
    """Whether text may be cut where whitespace begins without a change of its token ids.

    `Whitespace` drops it. GPT-2's pattern never joins it to what stands before and looks ahead
    within it alone. Only added tokens or a normalizer could look across the cut.
    """
    words = tokenizer.pre_tokenizer
    finds_words = isinstance(words, pre_tokenizers.Whitespace) or (
        isinstance(words, pre_tokenizers.ByteLevel)
        and words.use_regex
        and not words.add_prefix_space
    )
    has_plain_tokens_alone = not any(
        token.lstrip or token.rstrip or token.single_word or re.search(r"\s", token.content)
        for token in tokenizer.get_added_tokens_decoder().values()
    )
    return finds_words and has_plain_tokens_alone and tokenizer.normalizer is None
