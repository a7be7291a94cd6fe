"""Tokens as a person reads them: their text and its script."""

from collections.abc import Iterable

from tokenizers import Tokenizer

from deadtokens.text.entries import texts_and_scripts


def describe(tokenizer: Tokenizer, ids: Iterable[int]) -> tuple[list[str], list[str]]:
    """Text and script of each of these entries.

    An entry of bytes that are no whole characters stands as the tokenizer writes it; its script is
    `partial`.
    """
    ids = [int(index) for index in ids]
    texts, scripts = texts_and_scripts(tokenizer, ids)
    pairs = zip(ids, texts, strict=True)
    return [tokenizer.id_to_token(i) or "" if text is None else text for i, text in pairs], scripts
