"""Who the tokens of a matrix are: text, script, kind, and whether text can lead to them.

reachable: `yes` if the text of a token is encoded as that token alone; `in_word` if it is so only
after another token, as the inner pieces of words are; `no` if neither. Land and Bartolo (2024)
decode and encode again in the same way, after a prefix too.

kind: `padded`, a row that no token has; `unused`, an entry that its name says is reserved;
`special`; `added`; else `plain`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from deadtokens.errors import UserError
from deadtokens.text import library
from deadtokens.text.entries import texts_and_scripts

# A quotation mark joins no letter in BPE; a WordPiece continues a letter or a digit.
PREFIXES = ("«", "a", "7")
AT_ONCE = 10_000
PADDED, UNUSED, SPECIAL, ADDED, PLAIN = "padded", "unused", "special", "added", "plain"


def load(path: Path, rows: int | None = None) -> Tokenizer:
    """A tokenizer.json whose ids may leave gaps; UserError if it is none, or has ids beyond rows
    of the matrix."""
    expected = "expected a tokenizer.json of the tokenizers library; set tokenizer_file to another"
    with library.explained(f"{path} is no tokenizer", expected):
        tokenizer = library.read(path.read_text(encoding="utf-8"))
        library.make_pure(tokenizer)
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if rows is not None and highest >= rows:
        raise UserError(
            f"the tokenizer {path} has ids up to {highest:,}, but the matrix {rows:,} rows, one "
            "for each id: give the tokenizer of this model (tokenizer_file), or take the file away"
        )
    return tokenizer


def describe(tokenizer: Tokenizer, ids: Sequence[int], unused: str) -> pd.DataFrame:
    """A row per row of the matrix, of these token ids: token_id, token, script, kind, reachable.

    unused: a regular expression, searched in the names of entries. Padded rows have neither text
    nor script, and nothing reaches them.
    """
    ids = np.asarray(ids, dtype=np.int64)
    names = [tokenizer.id_to_token(int(index)) for index in ids]
    rows = [row for row, name in enumerate(names) if name is not None]
    texts, scripts = texts_and_scripts(tokenizer, ids[rows])
    added, pattern = tokenizer.get_added_tokens_decoder(), re.compile(unused)
    of_rows = {
        "token": [names[row] if t is None else t for row, t in zip(rows, texts, strict=True)],
        "script": scripts,
        "kind": [
            _kind(names[row], int(ids[row]) in added, script, pattern)
            for row, script in zip(rows, scripts, strict=True)
        ],
        "reachable": reached(tokenizer, [int(index) for index in ids[rows]]),
    }
    blank = {"token": "", "script": "", "kind": PADDED, "reachable": ""}
    table = pd.DataFrame({"token_id": ids, **blank}).astype(dict.fromkeys(blank, object))
    for name, values in of_rows.items():
        table.loc[rows, name] = values
    return table


def without_tokenizer(token_ids: Sequence[int]) -> pd.DataFrame:
    """The same where nobody knows the tokens: every row is taken for a plain one."""
    blank = dict.fromkeys(("token", "script"), "")
    return pd.DataFrame({"token_id": token_ids, **blank, "kind": PLAIN, "reachable": ""})


def reached(tokenizer: Tokenizer, ids: Sequence[int]) -> np.ndarray:
    """yes, in_word or no, for each of these ids."""
    found = np.full(len(ids), "no", dtype=object)
    for prefix in (*PREFIXES, ""):  # the last one decides
        with library.explained("the tokenizer cannot encode its own tokens", "give another one"):
            before = tokenizer.encode(prefix, add_special_tokens=False).ids if prefix else []
            found[_comes_back(tokenizer, before, ids)] = "in_word" if prefix else "yes"
    return found


def _comes_back(tokenizer: Tokenizer, before: list[int], ids: Sequence[int]) -> np.ndarray:
    found = []
    for start in range(0, len(ids), AT_ONCE):
        wanted = [[*before, index] for index in ids[start : start + AT_ONCE]]
        texts = tokenizer.decode_batch(wanted, skip_special_tokens=False)
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        found += [one.ids == other for one, other in zip(encoded, wanted, strict=True)]
    return np.array(found, bool)


def _kind(name: str, is_added: bool, script: str, unused: re.Pattern) -> str:
    if unused.search(name):
        return UNUSED
    if script == "special":
        return SPECIAL
    return ADDED if is_added else PLAIN
