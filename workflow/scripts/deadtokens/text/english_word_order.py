"""Word order and topics of the made-up English: which word comes next.

Some candidates are drawn by frequency, and the one that fits best is taken. A few of them come
from the companions of the word before, a fixed list of its own, drawn by frequency too. The score
of a candidate adds how well its class follows the class before it (`GRAMMAR`), how well its field
of meaning goes with the field of the last content word and with the document's topic (tables drawn
from the seed), and how well the two words themselves go together (a hash of the pair). None of
this looks at frequencies, so the contest leaves them nearly as they were, and makes each word say
something about the next one.
"""

import numpy as np

from deadtokens.text.english_lexicon import CLASSES, N_FIELDS, Lexicon
from deadtokens.text.random_stream import (
    WeightedChoice,
    below,
    mix,
    stream_key,
    words,
    zipf_weights,
)

ZIPF_OFFSET_TENTHS = 10  # Mandelbrot's q = 1
ZIPF_BEND = 80_000
N_CANDIDATES = 16
N_FROM_COMPANIONS = 4  # of the candidates
N_COMPANIONS = 32  # of a word; the first of them are met most often
N_TOPICS = 48
DRAWS = N_CANDIDATES + N_FROM_COMPANIONS  # for a word
FIRST_DRAW = 8  # positions of a sentence's stream below this one belong to its shape

# How well the class of a column follows that of a row, 0 (not) to 9.
GRAMMAR = """
    D P C R X N V A B M U
  S 7 5 4 8 1 4 2 4 4 6 1
  D 0 0 0 0 0 9 0 7 2 3 4
  P 9 0 0 3 0 6 1 5 0 7 5
  C 6 4 0 8 2 5 5 4 4 4 1
  R 0 2 2 0 9 0 9 0 4 0 0
  X 5 3 0 3 3 1 7 6 6 0 2
  N 0 9 7 2 6 3 4 0 2 0 1
  V 8 8 2 4 0 4 0 4 5 3 2
  A 0 3 4 0 0 9 0 2 0 1 0
  B 3 4 2 4 3 1 8 6 2 0 1
  M 0 6 7 1 7 4 7 0 2 7 3
  U 0 6 4 0 1 9 0 3 0 1 1
"""
GRAMMAR_WEIGHT, FIELD_WEIGHT, TOPIC_WEIGHT = 8, 4, 9
PAIR_SCORES = 64  # the score of a pair is below this
COMPANION_BONUS = 3
CONTENT_AT_END = 40  # a sentence rather ends with a content word
# Keeps every class at the share that its words' frequencies give it (found by trial).
CLASS_BONUS = {
    **{"D": 15, "P": 3, "C": 20, "R": 23, "X": 21},
    **{"N": -12, "V": -7, "A": 1, "B": 15, "M": 2, "U": 17},
}


class WordOrder:
    """The word order of one seed's language."""

    def __init__(self, seed: int, lexicon: Lexicon):
        self._classes, self._fields = lexicon.classes, lexicon.fields
        frequencies = zipf_weights(len(lexicon.words), ZIPF_OFFSET_TENTHS, ZIPF_BEND)
        self._candidate = WeightedChoice(frequencies)
        self._grammar_scores = _grammar_scores()  # (n_classes + 1, n_classes)
        self._field_scores = FIELD_WEIGHT * _affinities(seed, "fields", N_FIELDS + 1)
        self._field_scores[0] = 0  # no content word yet
        self._topic_scores = TOPIC_WEIGHT * _affinities(seed, "topics", N_TOPICS)
        self._companions = stream_key(seed, "companions")
        self._end_scores = np.where(lexicon.fields > 0, CONTENT_AT_END, 0)

    def write(self, sentences: np.ndarray, lengths: np.ndarray, topics: np.ndarray) -> np.ndarray:
        """Indices into the lexicon, (n_sentences, longest) int64; zeros beyond a sentence.

        Takes a stream key (uint64), a number of words and a topic for each sentence.
        """
        longest = int(lengths.max(initial=0))
        chosen = np.zeros((len(sentences), longest), np.int64)
        fields_before = np.zeros(len(sentences), np.int64)
        for position in range(longest):
            active = np.flatnonzero(lengths > position)
            draws = FIRST_DRAW + DRAWS * position + np.arange(DRAWS)
            bits = words(sentences[active, None], draws)
            before = chosen[active, position - 1, None] if position else None
            candidates = self._candidates(before, bits)  # (n_active, N_CANDIDATES)
            fields, classes = self._fields[candidates], self._classes[candidates]
            score = self._field_scores[fields_before[active, None], fields]
            score += self._topic_scores[topics[active, None], fields]
            if before is None:
                score += self._grammar_scores[-1, classes]
            else:
                score += self._grammar_scores[self._classes[before], classes]
                score += _pair_scores(before, candidates)
                score[:, :N_FROM_COMPANIONS] += COMPANION_BONUS
            is_end = lengths[active, None] == position + 1
            score += self._end_scores[candidates] * is_end
            best = np.argmax(score, axis=1)
            row = np.arange(len(active))
            chosen[active, position] = candidates[row, best]
            field = fields[row, best]
            fields_before[active] = np.where(field > 0, field, fields_before[active])
        return chosen

    def _candidates(self, before: np.ndarray | None, bits: np.ndarray) -> np.ndarray:
        """Words to choose from, companions of the words before, (n_active, 1), first."""
        bits, companion_bits = bits[:, :N_CANDIDATES], bits[:, N_CANDIDATES:]
        if before is not None:
            number = below(companion_bits, N_COMPANIONS)
            number *= below(bits[:, :N_FROM_COMPANIONS], N_COMPANIONS)
            companions = N_COMPANIONS * before + number // N_COMPANIONS
            bits[:, :N_FROM_COMPANIONS] = words(self._companions, companions)
        return self._candidate(bits)


def _grammar_scores() -> np.ndarray:
    """(n_classes + 1, n_classes) int64; the last row is for the start of a sentence."""
    columns, *rows = [line.split() for line in GRAMMAR.strip().splitlines()]
    table = {row: dict(zip(columns, map(int, scores), strict=True)) for row, *scores in rows}
    return np.array(
        [
            [GRAMMAR_WEIGHT * table[before][after] + CLASS_BONUS[after] for after in CLASSES]
            for before in [*CLASSES, "S"]
        ]
    )


def _affinities(seed: int, purpose: str, size: int) -> np.ndarray:
    """How well something goes with each field, 0 to 7, high rare: (size, N_FIELDS + 1) int64.

    Field 0, that of function words, is neutral.
    """
    shape = (2, size, N_FIELDS + 1)
    bits = words(stream_key(seed, purpose), range(2 * size * (N_FIELDS + 1))).reshape(shape)
    scores = below(bits[0], 8) * below(bits[1], 8) // 7
    scores[:, 0] = 0
    return scores


def _pair_scores(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    pairs = (before.astype(np.uint64) << np.uint64(32)) + after.astype(np.uint64)
    return below(mix(pairs), PAIR_SCORES)
