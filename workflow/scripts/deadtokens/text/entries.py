"""What the entries of a tokenizer stand for: text, bytes that are no whole text, or neither.

It is asked how the tokenizer writes text before it looks entries up, whatever its parts are called
and however they are nested, for that decides which text makes an entry occur.
"""

import re
from collections.abc import Callable, Iterable

from tokenizers import Tokenizer

from deadtokens.text import byte_level
from deadtokens.text.characters import script_of_token
from deadtokens.text.library import model_of, unknown_token, written

# A normalizer may change some of them; one that comes through decides.
_PROBES = ("ก", "漢", "é", "ж")
_BYTE = re.compile("<0x([0-9A-F]{2})>")
_SPACE = "▁"  # how SentencePiece writes a space


def texts_and_scripts(
    tokenizer: Tokenizer, ids: Iterable[int]
) -> tuple[list[str | None], list[str]]:
    """The text of each entry, None if its bytes are no whole characters, and its script.

    The script is that of `characters.script_of`, `partial` where there is no text, and `special`
    for a special token and for the unknown token, which stand for no text of their own.
    """
    model = model_of(tokenizer)
    added = tokenizer.get_added_tokens_decoder()
    special = {index for index, token in added.items() if token.special}
    if (unknown := unknown_token(model)) is not None:
        special.add(tokenizer.token_to_id(unknown))
    text_of = _reader(tokenizer, model)
    texts, scripts = [], []
    for index in map(int, ids):
        # An added token is found in the text as it is, before anything is written as bytes.
        entry = tokenizer.id_to_token(index) or ""
        text = entry if index in added or index in special else text_of(entry)
        texts.append(text)
        scripts.append(_script(text, index in special))
    return texts, scripts


def _script(text: str | None, is_special: bool) -> str:
    if is_special:
        return "special"
    return "partial" if text is None else script_of_token(text)


def _reader(tokenizer: Tokenizer, model: dict) -> Callable[[str], str | None]:
    """A function from an entry of the model to the text it stands for."""
    falls_back = model.get("byte_fallback", False)
    is_bytes = _writes_bytes(tokenizer)
    marks_spaces = _SPACE in written(tokenizer, "a b")
    begin = model.get("continuing_subword_prefix") or ""
    end = model.get("end_of_word_suffix") or ""

    def text_of(entry: str) -> str | None:
        if falls_back and (byte := _BYTE.fullmatch(entry)):
            return byte_level.decoded(bytes.fromhex(byte[1]))
        # An entry that is nothing else is one of the mark's own characters.
        entry = entry.removeprefix(begin) or entry
        entry = entry.removesuffix(end) or entry
        if is_bytes:
            return byte_level.text_of(entry)
        return entry.replace(_SPACE, " ") if marks_spaces else entry

    return text_of


def _writes_bytes(tokenizer: Tokenizer) -> bool:
    """Whether text is written in GPT-2's alphabet of bytes before entries are looked up."""
    return any(byte_level.written(probe) in written(tokenizer, probe) for probe in _PROBES)
