"""The words of the made-up English: spelling, word class, field of meaning, in order of rank.

Function words are English's own. Other words are stems made of syllables, frequent ones shorter,
and affixes on stems: families (`plon`, `plons`, `plonly`) that share a field of meaning. Some are
numbers. Tables hold names with integer weights, `-` for nothing.
"""

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy as np

from deadtokens.text.random_stream import WeightedChoice, below, stream_key, words

# Determiner, Preposition, Conjunction, pRonoun, auXiliary; Noun, Verb, Adjective, adverB, naMe,
# nUmber
CLASSES = "DPCRXNVABMU"
N_FIELDS = 40

FUNCTION_WORDS = """
    D the P of C and P to D a P in X is R it C that P for R you X was P with P on P as X are
    R I X be R he D this P at P by X have P from R they C or X not R we D his C but X will
    D an X can D your R who X has D all R she R which D their X were C if X had P about D my
    X do X would X been R what D one C when P into P out D our D some C so P up D its C than
    B more D no R them R there D her X could B also D other P over R him B just C because
    D any X should X may D these B very B now P after R me P through B only B then B even
    C where P before D most R us D many D such B how D each B too P between B here P under
    X did B well X does X being D both D those D every P while X must B still P during B never
    P against D another P without C although B always B again C since C until D few P around
    B often B already X might P within D several R something P across R everyone P among
    B almost C whether P toward B perhaps R nothing P upon P behind C unless B quite B rather
    P beyond R anything P despite B together P near B ever C though R myself R itself P along
    B later
"""

ONSETS = """
    t 70 s 75 r 60 c 70 p 65 m 55 b 50 d 55 f 42 l 50 n 38 h 40 w 34 g 32 v 22 st 34 tr 20
    pr 24 ch 20 sh 20 br 16 cr 15 gr 17 pl 16 cl 16 fr 13 th 14 sp 16 bl 12 fl 12 dr 12 j 11
    k 12 qu 10 str 12 sc 10 sl 9 sw 8 y 7 wh 8 sm 7 gl 6 tw 4 z 4 scr 5 spr 4 kn 4 wr 3 sn 5
    sk 5 thr 4
"""
NUCLEI = """
    a 80 e 95 i 75 o 66 u 40 ea 17 ai 12 ou 17 oo 12 ee 13 io 8 ie 6 oa 6 ow 6 au 5 ay 6 ei 3
    y 6 oi 4 ue 3 é 1
"""
CODAS = """
    - 120 n 66 r 60 t 46 l 40 s 36 d 28 m 27 c 18 p 16 ck 12 nd 15 nt 16 st 15 g 11 ll 11 ss 9
    rt 9 k 8 b 8 ng 8 ct 8 sh 6 ch 6 th 6 ve 14 te 18 ne 12 le 14 ce 13 se 12 re 12 ge 9 de 10
    ld 5 rd 6 mp 5 ff 4 x 5 nk 5 rm 4 rn 4 lt 3 ft 3 me 6 ke 7 f 4 w 5 y 16
"""
INNER_ONSETS = """
    t 90 r 80 l 76 n 74 m 60 c 66 d 52 s 50 p 44 v 36 b 32 g 26 f 22 st 20 tr 14 ss 10 tt 10
    ll 14 nt 14 nd 12 ct 12 mp 9 rt 9 pr 8 nc 8 rs 6 pp 6 nn 5 mm 5 rr 6 h 6 w 5 x 5 qu 4 ph 6
    ch 9 sh 6 th 8 ck 6 k 6 gr 5 br 5 cr 5 pl 6 bl 6
"""
# Affix, class that it is put on, class of the new word, weight.
AFFIXES = """
    -s N N 30, -s V V 12, -ed V V 16, -ing V V 14, -ing V N 6, -er V N 6, -ly A B 12
    -ness A N 4, -er A A 4, -est A A 2, -ation V N 6, -ion V N 6, -ment V N 5, -able V A 4
    -al N A 7, -ful N A 3, -less N A 2, -ous N A 4, -y N A 4, -ity A N 5, -ist N N 2
    -ship N N 1, -ize N V 2, -ive V A 4, -ic N A 4, -ism N N 1, -ance V N 3, -or V N 2
    -age N N 2, -en A V 1, -land N M 2, -son N M 2, -ton N M 2, -man N N 1, un- A A 3
    re- V V 4, dis- V V 2, in- A A 2, over- V V 1, pre- V V 1, non- N N 1, inter- N N 1
    sub- N N 1, out- V V 1, under- V V 1
"""
OPENINGS = "- 16 " + ONSETS  # a word may begin with its vowel
STEM_CLASSES = "N 44 V 20 A 17 B 3 M 16"
NUMBERS_PER_MILLE = 25
# Below this rank, per mille of stems of at most one, two, three syllables; four is the most.
SYLLABLES = [(1000, 900, 990, 999), (4000, 550, 920, 990), (None, 200, 760, 960)]
WORDS_PER_BLOCK = 4096
FIRST_STEMS = 20  # no family grows before its class has that many stems


class Lexicon(NamedTuple):
    """All words in order of rank."""

    words: list[str]
    classes: np.ndarray  # (n_words,) int64, index into CLASSES
    fields: np.ndarray  # (n_words,) int64, 1 to N_FIELDS; 0 for a function word


def build_lexicon(seed: int, size: int) -> Lexicon:
    """The first `size` words of one seed, no two alike."""
    entries = FUNCTION_WORDS.split()
    # Function words stand close together at the top of the ranks and ever farther apart below.
    function_words = {
        i + i * i // 120: (word, word_class, 0)
        for i, (word_class, word) in enumerate(zip(entries[::2], entries[1::2], strict=True))
    }
    taken = set(entries[1::2])
    made = _made_words(seed)
    rows = []
    while len(rows) < size:
        row = function_words.get(len(rows)) or next(made)
        if row[2] and row[0] in taken:
            continue
        taken.add(row[0])
        rows.append(row)
    spellings, classes, fields = zip(*rows, strict=True)
    return Lexicon(
        list(spellings), np.array([CLASSES.index(name) for name in classes]), np.array(fields)
    )


def _made_words(seed: int) -> Iterator[tuple[str, str, int]]:
    """Spelling, class and field of made-up words, endlessly, by falling frequency; some repeat."""
    affixes = [entry.split() for row in AFFIXES.strip().splitlines() for entry in row.split(",")]
    choose_affix = WeightedChoice([int(weight) for *_, weight in affixes])
    choose_class = _table(STEM_CLASSES)
    stems = {name: [] for name in CLASSES}  # class -> spellings and fields
    rank = 0
    for block in count():
        key = stream_key(seed, f"words {block}")
        draws = words(key[:, None], range(5 * WORDS_PER_BLOCK)).reshape(5, WORDS_PER_BLOCK)
        which_affix = choose_affix(draws[0]).tolist()
        which_stem, classes = draws[1:2].T, choose_class(draws[2])
        dice = below(words(draws[3][:, None], range(8)), 1000).tolist()
        shapes = _syllables(draws[4])
        for i, roll in enumerate(dice):
            rank += 1
            field = 1 + roll[7] % N_FIELDS
            affix, base, result, _ = affixes[which_affix[i]]
            family = stems[base]
            if roll[0] < NUMBERS_PER_MILLE:
                yield _number(roll), "U", field
            elif roll[1] < _derived_per_mille(rank) and len(family) > FIRST_STEMS:
                stem, field = family[int(below(which_stem[i], len(family))[0])]
                yield _spell(_join(stem, affix), result), result, field
            else:
                opening, *syllables, last = shapes[i]
                n_inner = _n_syllables(rank, roll[2]) - 1
                stem = "".join([opening, *syllables[:n_inner], last])
                if len(stem) > 2 or (len(stem) > 1 and rank <= 60):
                    stems[classes[i]].append((stem, field))
                    yield _spell(stem, classes[i]), classes[i], field


def _table(text: str):
    """A drawing of names by weight: 64-bit words, (n,), in, list of names out."""
    entries = text.split()
    names = ["" if name == "-" else name for name in entries[::2]]
    choice = WeightedChoice([int(weight) for weight in entries[1::2]])
    return lambda bits: [names[index] for index in choice(bits).tolist()]


def _syllables(keys: np.ndarray) -> list[tuple[str, ...]]:
    """Opening, three inner vowels with the consonants after them, last vowel with its coda."""
    tables = [OPENINGS, *[NUCLEI, INNER_ONSETS] * 3, NUCLEI, CODAS]
    bits = words(keys[:, None], range(len(tables))).T.copy()
    opening, *rest = (_table(table)(column) for table, column in zip(tables, bits, strict=True))
    pairs = [
        [vowel + consonant for vowel, consonant in zip(*both, strict=True)]
        for both in zip(rest[::2], rest[1::2], strict=True)
    ]
    return list(zip(opening, *pairs, strict=True))


def _spell(word: str, word_class: str) -> str:
    return word.capitalize() if word_class == "M" else word


def _derived_per_mille(rank: int) -> int:
    """How many of new words at this rank are made from older ones."""
    return 80 if rank < 300 else 350 if rank < 3000 else 550


def _n_syllables(rank: int, roll: int) -> int:
    """Frequent words are short (Zipf's law of abbreviation)."""
    _, one, two, three = next(row for row in SYLLABLES if row[0] is None or rank < row[0])
    return 1 + (roll >= one) + (roll >= two) + (roll >= three)


def _join(stem: str, affix: str) -> str:
    if affix.endswith("-"):
        return affix[:-1] + stem
    suffix = affix[1:]
    if suffix[0] in "aeiouy" and stem.endswith("e"):
        return stem[:-1] + suffix
    if suffix == "s" and stem.endswith(("s", "x", "z", "ch", "sh")):
        return stem + "es"
    if suffix == "s" and stem.endswith("y") and stem[-2:-1] not in "aeiou":
        return stem[:-1] + "ies"
    return stem + suffix


def _number(roll: list[int]) -> str:
    """Years, counts, prices, shares, sizes, times, codes."""
    kind, a, b = roll[3] % 24, roll[4], roll[5]
    if kind < 5:
        return str(1950 + a % 80)
    if kind < 11:
        return str(1 + a % (100 if kind < 8 else 32))
    patterns = [
        f"${1 + a}", f"${1 + a % 90}.{b % 100:02d}", f"{1 + a % 100}%", f"{a % 30}.{b % 10}",
        str(100 + a), f"{1 + a % 90},{b:03d}", f"{1 + a % 12}:{b % 60:02d}", f"{a % 100}-{b % 100}",
        f"{1 + a % 12}/{1 + b % 28}", f"{chr(65 + a % 26)}{b}", f"#{a}", f"{a:03d}-{b:03d}",
        f"{chr(65 + a % 26)}.{chr(65 + b % 26)}."
    ]  # fmt: skip
    return patterns[kind - 11]
