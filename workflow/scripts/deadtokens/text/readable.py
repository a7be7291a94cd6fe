"""Tokens as a person reads them: their text and its script."""

from collections.abc import Iterable

from tokenizers import Tokenizer

from deadtokens.text import byte_level
from deadtokens.text.characters import script_of_token


def describe(tokenizer: Tokenizer, ids: Iterable[int]) -> tuple[list[str], list[str]]:
    """Text and script of each of these entries.

    An entry of bytes that are no whole characters stands as the tokenizer writes it; its script is
    `partial`.
    """
    special = {added.content for added in tokenizer.get_added_tokens_decoder().values()}
    text_of = byte_level.text_of if byte_level.is_byte_level(tokenizer) else str
    entries = [tokenizer.id_to_token(int(index)) or "" for index in ids]
    texts = [text_of(entry) for entry in entries]
    scripts = ["partial" if text is None else script_of_token(text, special) for text in texts]
    return [e if t is None else t for e, t in zip(entries, texts, strict=True)], scripts
