"""A made-up Thai: syllables in legal spelling, words, phrases without spaces between the words.

A syllable is written: vowel that stands before its consonant, consonant (or cluster), vowel sign
above or below, tone mark, vowel that follows, final consonant. The lexicon has common words of
Thai at the top and made-up words of one to four syllables below, with Zipf-Mandelbrot frequencies;
the words of a phrase are written without spaces, phrases are separated by a space.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np

from deadtokens.text.random_stream import WeightedChoice, below, stream_key, words, zipf_weights

N_WORDS = 12_000
ZIPF_OFFSET_TENTHS, ZIPF_BEND = 20, 6_000

COMMON_WORDS = """
    ที่ การ และ ใน เป็น มี ของ ได้ ไม่ ให้ ว่า จะ ความ คน กับ นี้ มา จาก ไป ก็ ทำ หรือ โดย แต่
    ปี ต้อง วัน ต่อ แล้ว กัน อยู่ ผู้ เรา คุณ ด้วย ไทย ซึ่ง ทาง เพื่อ หนึ่ง ถึง อย่าง ขึ้น
    เมื่อ นั้น ตัว มาก เขา ใช้ หลาย งาน เวลา เรื่อง บ้าน ใหม่ ดี ดู รับ กว่า เข้า ออก ลง ยัง
    น้ำ สามารถ ประเทศ พระ เมือง เด็ก สอง แบบ ส่วน สำหรับ เท่า กลับ ระบบ ข้อมูล โรงเรียน รถ ใจ
    มือ ทุก ครั้ง คือ เช่น
"""
CONSONANTS = """
    ก 60 ข 22 ค 34 ง 12 จ 26 ฉ 4 ช 24 ซ 10 ญ 2 ด 36 ต 36 ถ 12 ท 40 ธ 5 น 44 บ 40 ป 38 ผ 12 ฝ 4
    พ 34 ฟ 9 ภ 5 ม 42 ย 22 ร 40 ล 36 ว 26 ศ 8 ษ 1 ส 48 ห 30 อ 34 ฮ 3 ณ 1 ฐ 1 กร 5 กล 6 กว 2
    ขว 2 คร 6 คล 4 คว 5 ตร 6 ปร 10 ปล 5 พร 7 พล 4 หน 8 หม 7 หล 7 หย 2 หว 2 หร 2 ทร 2
"""
# Vowel before, sign, vowel after, 1 if a final consonant must follow (2: may), weight.
RHYMES = """
    - - า 2 90, - ั - 1 70, - ิ - 2 42, - ี - 2 44, - ึ - 1 14, - ื - 1 16, - ื อ 0 10
    - ุ - 2 30, - ู - 2 30, เ - - 2 40, แ - - 2 34, โ - - 2 22, ไ - - 0 36, ใ - - 0 14
    - - ะ 0 30, - - อ 2 40, - - ำ 0 20, เ - า 0 24, เ ี ย 2 16, เ ื อ 2 16, - ั ว 0 12
    - - ว 1 10, เ ิ - 1 14, - - - 1 60, เ - าะ 0 4, แ - ะ 0 3, เ ็ - 1 8, เ - ะ 0 3, เ - อ 0 6
    - - รร 1 4
"""
SHORTENED = "็"  # mai taikhu: takes no tone mark
TONES = "- 130 ่ 50 ้ 46 ๊ 3 ๋ 2"
FINALS = """
    น 60 ง 56 ม 36 ก 40 บ 26 ด 28 ย 36 ว 16 ร 16 ล 12 ต 8 ท 8 ส 8 ป 5 พ 5 ค 4 ช 3 จ 3 ญ 3 ณ 3
    ษ 4 ศ 4 ธ 3 ข 2 ภ 1 ฟ 2 ฎ 1 ฏ 1 ฑ 1 ฒ 1 ฌ 1 ฬ 1 ฆ 1 ร์ 4 น์ 3 นต์ 2 ล์ 2
"""


NUMBERS = [*map(str, range(100)), *map(chr, range(0x0E50, 0x0E5A))]  # and Thai's own digits
AFTER_WORDS = {"": 8600, " ": 1080, "\n": 120, "ๆ ": 60, "ฯ ": 20}
AFTER_WORDS |= {f" {number} ": 1 for number in NUMBERS}
SHORTEST_DOCUMENT, LONGEST_DOCUMENT = 40, 540  # words


class Thai:
    """The language of one seed: writes documents by number."""

    def __init__(self, seed: int):
        self._seed = seed
        lexicon = _lexicon(seed)
        self._pieces = lexicon + list(AFTER_WORDS)
        self._word = WeightedChoice(zipf_weights(len(lexicon), ZIPF_OFFSET_TENTHS, ZIPF_BEND))
        self._after = WeightedChoice(list(AFTER_WORDS.values()))

    def documents(self) -> Iterator[str]:
        """Documents 0, 1, 2, ... without end."""
        key = stream_key(self._seed, "Thai documents")
        for number in count():
            yield self._write(words(key, [number]))

    def _write(self, document: np.ndarray) -> str:
        """Text of the document with this stream key, shape (1,)."""
        spread = LONGEST_DOCUMENT - SHORTEST_DOCUMENT
        n_words = SHORTEST_DOCUMENT + int(below(words(document, [0]), spread)[0])
        bits = words(document, range(1, 1 + 2 * n_words)).reshape(n_words, 2)
        after = len(self._pieces) - len(AFTER_WORDS) + self._after(bits[:, 1])
        pieces = np.stack([self._word(bits[:, 0]), after], axis=1).ravel()
        text = "".join(map(self._pieces.__getitem__, pieces.tolist()))
        return text.rstrip() + "\n\n"


def _lexicon(seed: int) -> list[str]:
    """Words of this seed in order of rank, no two alike."""
    lexicon = dict.fromkeys(COMMON_WORDS.split())
    size = 4 * N_WORDS
    key = stream_key(seed, "Thai words")
    syllables = _syllables(key, 4 * size)
    length = below(words(key ^ np.uint64(1), range(size)), 100)
    for candidate in range(size):
        thresholds = (60, 95, 99) if len(lexicon) < 1500 else (15, 65, 92)
        n_syllables = 1 + sum(int(length[candidate]) >= threshold for threshold in thresholds)
        lexicon["".join(syllables[4 * candidate : 4 * candidate + n_syllables])] = None
        if len(lexicon) == N_WORDS:
            break
    return list(lexicon)


def _syllables(key: np.ndarray, size: int) -> list[str]:
    rhymes = [entry.split() for row in RHYMES.strip().splitlines() for entry in row.split(",")]
    tables = [table.split() for table in (CONSONANTS, TONES, FINALS)]
    bits = words(key[:, None], range(5 * size)).reshape(5, size)
    drawn = [
        [table[2 * index] for index in WeightedChoice(table[1::2])(column).tolist()]
        for table, column in zip(tables, bits, strict=False)
    ]
    rhyme_choice = WeightedChoice([rhyme[4] for rhyme in rhymes])(bits[3]).tolist()
    coins = below(bits[4], 2).tolist()
    syllables = []
    for consonant, tone, final, rhyme, coin in zip(*drawn, rhyme_choice, coins, strict=True):
        before, sign, after, closed, _ = rhymes[rhyme]
        if sign == SHORTENED:
            tone = "-"
        if not (closed == "1" or (closed == "2" and coin)):
            final = "-"
        syllables.append("".join([before, consonant, sign, tone, after, final]).replace("-", ""))
    return syllables
