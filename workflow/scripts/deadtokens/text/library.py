"""The tokenizers library, held to what a step needs of it.

Whatever it raises, a panic of its Rust code too, becomes one message; and a tokenizer that was
read turns the same text into the same ids each time, and nothing but the text.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tokenizers import Tokenizer

from deadtokens.errors import UserError
from deadtokens.files import documents

# A panic prints where in the library it happened; a backtrace would bury our message.
os.environ["RUST_BACKTRACE"] = "0"

# What the models draw at random: BPE drops merges, Unigram samples one of several ways to split.
RANDOM = ("dropout", "alpha", "nbest_size")
TRAINING_TEXT = "expected UTF-8 text of words; give another text"
# A normalizer or pre-tokenizer of garbage panics at its first text, so it gets a short one.
FIRST_TEXT = "A text, naïve é ж ก 漢 🙂\n 1\x00"


@contextmanager
def explained(found: str, advice: str) -> Iterator[None]:
    """Raise UserError "found (what the library says): advice" for whatever the library raises."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise UserError(f"{found} ({str(error) or type(error).__name__}): {advice}") from None


def is_panic(error: BaseException) -> bool:
    """Whether it is a panic of Rust code, which no `except Exception` catches."""
    return type(error).__name__ == "PanicException"


def read(text: str) -> Tokenizer:
    """The tokenizer of a JSON text; raises what the library raises, or ValueError.

    ValueError: a key stands twice in an object, or an added token has another id than the library
    gives it, so that ids would be others than the text says.
    """
    tokenizer = Tokenizer.from_str(text)
    content = documents.parse(text)
    for added in content.get("added_tokens") or []:
        index = tokenizer.token_to_id(added["content"])
        if index != added["id"]:
            raise ValueError(
                f"its added token {added['content']!r} has the id {added['id']}, but {index} is "
                "the one that follows from its other entries"
            )
    # The first text is for what panics alone; an unknown word need not occur in the corpus.
    with suppress(Exception):
        tokenizer.encode(FIRST_TEXT)
    return tokenizer


def check_ids(tokenizer: Tokenizer, path: Path) -> None:
    """UserError if the ids of the entries are not 0, 1, 2 and so on, each of one entry."""
    entries = sorted((index, entry) for entry, index in tokenizer.get_vocab().items())
    for place, (index, entry) in enumerate(entries):
        if index != place:
            found = (
                f"the id {index} for two entries, {entries[place - 1][1]!r} and {entry!r}"
                if index < place
                else f"no entry with the id {place}, but one with {index}, {entry!r}"
            )
            raise UserError(
                f"the tokenizer {path} has {found}: expected the ids 0 to {len(entries) - 1}, each "
                "of one entry; give another tokenizer"
            )
    if tokenizer.get_vocab_size() != len(entries):
        raise UserError(
            f"the tokenizer {path} lists {tokenizer.get_vocab_size()} entries, but only "
            f"{len(entries)} are different; give another tokenizer"
        )


def make_pure(tokenizer: Tokenizer) -> list[str]:
    """Switch off all that makes its ids depend on more than the text; returns what was on.

    Dropout and sampling draw at random, truncation and padding depend on a length that is not the
    text's, and a post-processor adds tokens that the text has not (and changes no others).
    """
    was_on = []
    for name in RANDOM:
        if getattr(tokenizer.model, name, None):
            was_on.append(f"{name} {getattr(tokenizer.model, name):g}")
            setattr(tokenizer.model, name, None)
    if tokenizer.truncation is not None:
        was_on.append("truncation")
        tokenizer.no_truncation()
    if tokenizer.padding is not None:
        was_on.append("padding")
        tokenizer.no_padding()
    if tokenizer.num_special_tokens_to_add(is_pair=False):
        was_on.append("a post-processor that adds tokens")
    tokenizer.post_processor = None
    return was_on


def model_of(tokenizer: Tokenizer) -> dict:
    """The model as the library writes it in JSON."""
    return json.loads(tokenizer.to_str())["model"]


def unknown_token(model: dict) -> str | None:
    """The entry that stands for all that has none, of `model_of`'s model; None if it has none."""
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else model["vocab"][model["unk_id"]][0]
    return model.get("unk_token")


def written(tokenizer: Tokenizer, text: str) -> str:
    """A text as it comes to the model, after normalizer and pre-tokenizer."""
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return text
    return "".join(piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
