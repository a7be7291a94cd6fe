"""Every entry of a vocabulary in one table: what it says, how often it occurs, whether text can
make it occur at all.

Definitions: docs/physics.md (dead token, reachable).
"""

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from deadtokens.errors import UserError
from deadtokens.text.entries import texts_and_scripts
from deadtokens.text.library import explained

COLUMNS = ("token_id", "token", "visible", "script", "count", "dead", "reachable")
# What stands before a text that begins no word of its own, so that it is continued.
BEFORE = "«"
SPACE, BASE = "␣", "◌"  # a space that is seen; what a mark that combines is set upon
NAMED = {
    **{"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", " ": SPACE},
    **{SPACE: "\\u{2423}", BASE: "\\u{25cc}"},  # they stand for others
}
AT_A_TIME = 10_000


def table(tokenizer: Tokenizer, dead: np.ndarray, counts: np.ndarray) -> pd.DataFrame:
    """A row per entry, by id, `COLUMNS`.

    dead (V,) bool, counts (V,) int64: of the model corpus. token: its text, or as the tokenizer
    writes it where its bytes are no whole characters; visible: the same in letters that can be
    seen; reachable: 1 or 0, missing where there is no text to encode.
    """
    ids = range(len(dead))
    texts, scripts = texts_and_scripts(tokenizer, ids)
    entries = [tokenizer.id_to_token(i) or "" for i in ids]
    shown = [entry if text is None else text for entry, text in zip(entries, texts, strict=True)]
    columns = {
        "token_id": np.arange(len(dead)),
        "token": shown,
        "visible": [visible(text) for text in shown],
        "script": scripts,
        "count": counts,
        "dead": dead.astype(np.int64),
        "reachable": pd.array(reachable(tokenizer, texts), "Int64"),
    }
    return pd.DataFrame(columns, columns=COLUMNS)


def check(dead: np.ndarray, counts: np.ndarray, masks: Path) -> None:
    """UserError unless the masks, from this file, are of the entries that were counted."""
    if len(dead) != len(counts):
        raise UserError(
            f"{masks} is of {len(dead)} entries, but the tokenizer has {len(counts)}: give the "
            "masks and the tokenizer of one corpus"
        )


def visible(text: str) -> str:
    """The text in letters that can be seen, no two texts alike.

    A space is ␣, a line feed \\n, other letters without a shape stand by their numbers, a backslash
    is doubled; a mark that would combine with what stands before the text is set upon ◌.
    """
    shown = "".join(
        NAMED.get(letter) or (letter if letter.isprintable() else _number(letter))
        for letter in text
    )
    return BASE + shown if text and unicodedata.category(text[0]).startswith("M") else shown


def reachable(tokenizer: Tokenizer, texts: list[str | None]) -> list[bool | None]:
    """Whether the id of each entry comes back when its text is encoded, by itself or continued.

    texts: by id, None where there is none. After Land and Bartolo (2024), Fishing for Magikarp,
    who decode an entry and encode it again; as there, a text that begins no word is given one to
    continue.
    """
    found = [None] * len(texts)
    ids = [i for i, text in enumerate(texts) if text]
    with explained("the tokenizer cannot encode its own entries", "give another tokenizer"):
        for start in range(0, len(ids), AT_A_TIME):
            some = ids[start : start + AT_A_TIME]
            alone = tokenizer.encode_batch([texts[i] for i in some], add_special_tokens=False)
            after = tokenizer.encode_batch(
                [BEFORE + texts[i] for i in some], add_special_tokens=False
            )
            for i, one, other in zip(some, alone, after, strict=True):
                found[i] = one.ids == [i] or i in other.ids
    return found


def _number(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"
