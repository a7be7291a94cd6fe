"""A made-up English: documents with a topic, a title, paragraphs, sentences and punctuation.

The words are those of `english_lexicon`, their order that of `english_word_order`. Number and
length of sentences, topic and punctuation are drawn for every document from a stream of its own,
so a document is a function of (seed, kind of document, number of document) alone.
"""

from collections.abc import Iterator
from itertools import count, pairwise

import numpy as np

from deadtokens.text.english_lexicon import CLASSES, build_lexicon
from deadtokens.text.english_word_order import N_TOPICS, WordOrder
from deadtokens.text.random_stream import WeightedChoice, below, stream_key, words, zipf_weights

N_WORDS = 160_000
DOCUMENTS_PER_BLOCK = 256
TOPICS = zipf_weights(N_TOPICS, 50, 10**6)

# What stands before and after a quoted sentence, and how often.
QUOTATION_MARKS = {("", ""): 28, ("“", "”"): 2, ('"', '"'): 2}
SENTENCE_ENDS = {".": 26, "?": 2, "!": 2, ":": 1, "...": 1, "": 0}  # none after a title
LINE_ENDS = [" ", "\n", "\n\n"]  # after a sentence, a paragraph, a document
SENTENCES_PER_PARAGRAPH = 4
VOWELS = "aeioué"

# What stands between two words, and per mille how often: anywhere; before a conjunction; between
# nouns; after a noun.
ANYWHERE = {", ": 40, "; ": 3, " – ": 3, ": ": 3, " (": 3, ") ": 3, " & ": 1, " / ": 1}
BEFORE_CONJUNCTION = {", ": 310}
BETWEEN_NOUNS = {"-": 30}
AFTER_NOUN = {"’s ": 15, "'s ": 15}


class English:
    """The language of one seed: writes documents by number."""

    def __init__(self, seed: int):
        lexicon = build_lexicon(seed, N_WORDS)
        self._seed = seed
        self._word_order = WordOrder(seed, lexicon)
        self._is_function_word = lexicon.fields == 0
        self._is_conjunction = lexicon.classes == CLASSES.index("C")
        self._is_noun = lexicon.classes == CLASSES.index("N")
        self._is_name = lexicon.classes == CLASSES.index("M")
        self._starts_with_vowel = np.array([word[0].lower() in VOWELS for word in lexicon.words])
        self._a, self._an = lexicon.words.index("a"), lexicon.words.index("an")

        capitalised = [word[0].upper() + word[1:] for word in lexicon.words]
        self._pieces = lexicon.words + [
            opening + word for opening, _ in QUOTATION_MARKS for word in capitalised
        ]
        self._first_end = len(self._pieces)
        self._pieces += [
            end + closing + line
            for end in SENTENCE_ENDS
            for _, closing in QUOTATION_MARKS
            for line in LINE_ENDS
        ]
        self._first_gap = len(self._pieces)
        self._pieces += [" ", *ANYWHERE, *BEFORE_CONJUNCTION, *BETWEEN_NOUNS, *AFTER_NOUN]
        self._topic = WeightedChoice(TOPICS)
        self._quotation = WeightedChoice(list(QUOTATION_MARKS.values()))
        self._end = WeightedChoice(list(SENTENCE_ENDS.values()))

    def documents(self, kind: str) -> Iterator[str]:
        """Documents 0, 1, 2, ... of this kind, without end, in memory for one block of them."""
        key = stream_key(self._seed, kind)
        for first in count(0, DOCUMENTS_PER_BLOCK):
            yield from self._write(words(key, range(first, first + DOCUMENTS_PER_BLOCK)))

    def _write(self, documents: np.ndarray) -> Iterator[str]:
        """Text of the documents with these stream keys, (n_documents,) uint64."""
        shape = words(documents[:, None], range(4))  # (n_documents, 4)
        n_sentences = 5 + below(shape[:, 0], 12)
        n_sentences += below(shape[:, 1], 64) * below(shape[:, 2], 64) // 64
        document = np.repeat(np.arange(len(documents)), n_sentences)  # (n_sentences_in_all,)
        first = np.cumsum(n_sentences) - n_sentences
        order = np.arange(len(document)) - first[document]
        is_title = order == 0
        is_last = order + 1 == n_sentences[document]

        sentences = words(documents[document], 4 + order)
        bits = words(sentences[:, None], range(8))  # (n_sentences_in_all, 8)
        lengths = 3 + below(bits[:, 0], 10) + below(bits[:, 1], 38) * below(bits[:, 2], 38) // 38
        lengths = np.where(is_title, 3 + below(bits[:, 0], 6), lengths)
        quotation = np.where(is_title, 0, self._quotation(bits[:, 3]))

        chosen = self._word_order.write(sentences, lengths, self._topic(shape[document, 3]))
        following = np.roll(chosen, -1, axis=1)
        article = np.where(self._starts_with_vowel[following], self._an, self._a)
        chosen = np.where((chosen == self._a) | (chosen == self._an), article, chosen)

        forms = self._forms(chosen, is_title, quotation)
        gaps = self._gaps(chosen, following, bits[:, 4])
        end = np.where(is_title, len(SENTENCE_ENDS) - 1, self._end(bits[:, 5]))
        line = np.where(is_title | (below(bits[:, 6], SENTENCES_PER_PARAGRAPH) == 0), 1, 0)
        line = np.where(is_last, 2, line)
        closing = (end * len(QUOTATION_MARKS) + quotation) * len(LINE_ENDS) + line
        gaps[np.arange(len(gaps)), lengths - 1] = self._first_end + closing

        is_inside = np.arange(chosen.shape[1]) < lengths[:, None]
        pieces = np.stack([forms, gaps], axis=-1)[is_inside].ravel().tolist()
        stops = 2 * np.cumsum(np.add.reduceat(lengths, first))
        for start, stop in pairwise([0, *stops.tolist()]):
            yield "".join(map(self._pieces.__getitem__, pieces[start:stop]))

    def _forms(self, chosen: np.ndarray, is_title: np.ndarray, quotation: np.ndarray) -> np.ndarray:
        """Pieces of the words: capitals in titles and at the start, opening quotation marks."""
        n_words = len(self._is_noun)
        is_capital = is_title[:, None] & ~self._is_function_word[chosen]
        forms = np.where(is_capital, n_words + chosen, chosen)
        forms[:, 0] = n_words * (1 + quotation) + chosen[:, 0]
        return forms

    def _gaps(self, chosen: np.ndarray, following: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Pieces between the words, (n_sentences, longest): mostly a space."""
        draw = below(words(keys[:, None], range(chosen.shape[1])), 1000)
        is_noun, before_noun = self._is_noun[chosen], self._is_noun[following]
        gaps = np.full(chosen.shape, self._first_gap)
        piece, low = self._first_gap, 0
        for marks, allowed in [
            (ANYWHERE, np.True_),
            (BEFORE_CONJUNCTION, self._is_conjunction[following]),
            (BETWEEN_NOUNS, is_noun & before_noun),
            (AFTER_NOUN, is_noun | self._is_name[chosen]),
        ]:
            for per_mille in marks.values():
                piece += 1
                gaps[(low <= draw) & (draw < low + per_mille) & allowed] = piece
                low += per_mille
        return gaps
