"""What of a text a tokenizer loses: characters that no entry stands for.

They vanish (a model without an unknown token skips them, a normalizer or pre-tokenizer deletes
them) or become the unknown token, which says nothing of them. Whitespace, which many tokenizers
drop on purpose, is counted apart and is never lost.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer, models

from deadtokens.errors import UserError
from deadtokens.text.characters import WHITESPACE
from deadtokens.text.library import model_of, unknown_token, written

EXAMPLES_IN_REPORT, EXAMPLES_IN_MESSAGE = 10, 5
# Stands in for the unknown token of a model that has none; no merge makes it, no text is it.
PLACEHOLDER = "\ufdd0 has no entry \ufdd1"


class Losses:
    """A count, text by text, of what became of all characters; `encode` makes the ids."""

    def __init__(self, tokenizer: Tokenizer, name: str = "the tokenizer"):
        self.name = name
        self.tokens = self.characters = self.whitespace = 0
        self.vanished: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._tokenizer = tokenizer
        model = model_of(tokenizer)
        self._unknown_token = unknown_token(model)
        self._unknown_id = None
        if self._unknown_token is not None:
            self._unknown_id = tokenizer.token_to_id(self._unknown_token)
        # Without an unknown token, BPE says no place of what it skips, and wrong places of the rest
        # of the word.
        may_skip = model["type"] == "BPE" and self._unknown_token is None
        self._telling, self._own_ids = _with_placeholder(tokenizer) if may_skip else (None, None)
        # What is between two characters that come to the model is no part of a token, but lies in
        # its span.
        self._known: dict[str, str] = {}
        self._letters = None if tokenizer.normalizer is None else _of_letters(tokenizer)

    def encode(self, text: str) -> np.ndarray:
        """Token ids of a text, (n,) int32, the tokenizer's own; its characters are counted."""
        if self._telling is None:
            encoding = _encode(self._tokenizer, text)
            ids, has_entry = np.array(encoding.ids, np.int32), None
        else:
            encoding = _encode(self._telling, text)
            ids = self._own_ids[np.array(encoding.ids, np.int64)]
            has_entry = ids >= 0
            if not has_entry.all():
                ids = np.array(_encode(self._tokenizer, text).ids, np.int32)
        self._count(text, encoding, has_entry)
        self.tokens += len(ids)
        return ids

    @property
    def share(self) -> float:
        """Lost characters among those that are no whitespace."""
        lost = self.vanished.total() + self.unknown.total()
        return lost / max(self.characters - self.whitespace, 1)

    def report(self) -> dict:
        """All counts, and the characters that were lost most often."""
        return {
            "characters": self.characters,
            "whitespace": self.whitespace,
            "vanished": self.vanished.total(),
            "unknown": self.unknown.total(),
            "lost_share": self.share,
            "most_often_lost": dict(self._most_lost(EXAMPLES_IN_REPORT)),
        }

    def check(self, most: float, corpus: Path) -> None:
        """UserError if more than the share `most` of the characters was lost, or all; its file."""
        n_visible = self.characters - self.whitespace
        if not self.tokens:
            raise UserError(
                f"{self.name} makes no token of the {n_visible} characters of "
                f"{corpus} that are no whitespace: its normalizer or pre-tokenizer deletes them, "
                "or it has an entry for none; give a tokenizer made for this text"
            )
        if self.share > most:
            often = ", ".join(
                f"{character!r} ({times} times)"
                for character, times in self._most_lost(EXAMPLES_IN_MESSAGE)
            )
            raise UserError(
                f"{self.name} loses {self.share:.2%} of {corpus}: of {n_visible} "
                f"characters that are no whitespace, {self.vanished.total()} vanish and "
                f"{self.unknown.total()} become the unknown token, most often {often}; "
                f"max_lost_share of this corpus allows {most:.2%}. Give or train a tokenizer that "
                "has entries for them, or raise max_lost_share"
            )

    def _most_lost(self, size: int) -> list[tuple[str, int]]:
        """Character and times, most often lost first; by code point where that is equal."""
        lost = self.vanished + self.unknown
        return sorted(lost.items(), key=lambda item: (-item[1], item[0]))[:size]

    def _count(self, text: str, encoding: Encoding, has_entry: np.ndarray | None) -> None:
        """has_entry: whether each token of the encoding stands for its characters; None if all."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)  # (characters,)
        is_white = np.isin(codes, WHITESPACE)
        self.characters += len(codes)
        self.whitespace += int(is_white.sum())
        spans = np.array(encoding.offsets, np.int64).reshape(-1, 2)  # (tokens, 2)
        if self._letters is None:
            vanished = ~_covered(spans, len(codes))
        else:
            vanished = self._deleted(text, is_white)
        if has_entry is not None:
            vanished |= _covered(spans[~has_entry], len(codes))
        unknown = _covered(spans[self._is_unknown(text, encoding, spans)], len(codes))
        for lost, counter in (vanished & ~unknown, self.vanished), (unknown, self.unknown):
            found, times = np.unique(codes[lost & ~is_white], return_counts=True)
            counter.update(dict(zip(map(chr, found.tolist()), times.tolist(), strict=True)))

    def _is_unknown(self, text: str, encoding: Encoding, spans: np.ndarray) -> np.ndarray:
        """(tokens,) bool; a text that names the unknown token itself is not unknown."""
        if self._unknown_id is None:
            return np.zeros(len(spans), bool)
        is_unknown = np.array(encoding.ids, np.int64) == self._unknown_id
        for place in np.flatnonzero(is_unknown):
            first, end = spans[place]
            is_unknown[place] = text[first:end].strip() != self._unknown_token
        return is_unknown

    def _deleted(self, text: str, is_white: np.ndarray) -> np.ndarray:
        """(characters,) bool: deleted by normalizer or pre-tokenizer, not only written otherwise.

        A character that was composed with the one before, or replaced together with it, has no
        place of its own in what is written either; but without it, something else is written.
        """
        spans = np.array(_encode(self._letters, text).offsets, np.int64).reshape(-1, 2)
        deleted = ~_covered(spans, len(text)) & ~is_white
        edges = np.flatnonzero(np.diff(deleted, prepend=False, append=False)).reshape(-1, 2)
        for first, end in edges:
            before = text[max(first - 1, 0) : first]
            if self._written(before + text[first:end]) != self._written(before):
                deleted[first:end] = False
        return deleted

    def _written(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = written(self._tokenizer, text)
        return self._known[text]


def _encode(tokenizer: Tokenizer, text: str) -> Encoding:
    return tokenizer.encode(text, add_special_tokens=False)


def _with_placeholder(tokenizer: Tokenizer) -> tuple[Tokenizer, np.ndarray]:
    """The same BPE with an unknown token, and by its ids the tokenizer's own, -1 for that token."""
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    model["vocab"][PLACEHOLDER] = len(model["vocab"])
    model["unk_token"], model["fuse_unk"] = PLACEHOLDER, False
    telling = Tokenizer.from_str(json.dumps(content))
    vocab = telling.get_vocab()
    own_ids = np.full(max(vocab.values()) + 1, -1, np.int32)
    for entry, index in vocab.items():
        if entry != PLACEHOLDER:
            own_ids[index] = tokenizer.token_to_id(entry)
    return telling, own_ids


def _of_letters(tokenizer: Tokenizer) -> Tokenizer:
    """The same but for its model, which makes a token of every character that comes to it."""
    letters = Tokenizer(
        models.BPE(vocab={PLACEHOLDER: 0}, merges=[], unk_token=PLACEHOLDER, fuse_unk=False)
    )
    letters.normalizer, letters.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    letters.add_tokens([*tokenizer.get_added_tokens_decoder().values()])
    return letters


def _covered(spans: np.ndarray, length: int) -> np.ndarray:
    """(length,) bool: which places lie in one of the spans, (n, 2) from the first to the end."""
    changes = np.bincount(spans[:, 0], minlength=length + 1).astype(np.int64)
    changes -= np.bincount(spans[:, 1], minlength=length + 1)
    return np.cumsum(changes)[:length] > 0
