import re
from itertools import islice

import numpy as np
import pytest

from deadtokens.text.random_stream import stream_key, words
from deadtokens.text.thai import COMMON_WORDS, N_WORDS, Thai, _lexicon

CONSONANT, SIGN, TONE = "[ก-ฮ]", "[ัิ-ู็]", "[่-๋]"
SYLLABLE = f"[เแโไใ]?{CONSONANT}{{1,2}}{SIGN}?{TONE}?(?:ำ|าะ|[าะ])?(?:{CONSONANT}{{1,2}}์?){{0,1}}"
WRONG = {  # what no word of Thai holds: an example of it
    f"(?:^|[^ก-ฮ]){SIGN}": "าิก",  # a sign sits on a consonant
    f"(?:^|[^ก-ฮัิ-ู]){TONE}": "า่ก",  # a tone mark on a consonant or on its sign
    "[เแโไใ](?![ก-ฮ])": "กเ",  # a vowel that stands first is followed by a consonant
    "(?:^|[^ก-ฮ่-๋])[ำ]|(?:^|[^ก-ฮ่-๋])า": "เำ",
    "(?:^|[^ก-ฮ่-๋า])ะ": "ีะ",
    f"์(?:{SIGN}|{TONE})": "ก์่",
}


@pytest.fixture(scope="module")
def text():
    return "".join(islice(Thai(7).documents(), 300))


@pytest.mark.parametrize("wrong", WRONG)
def test_letters_stand_in_legal_order(text, wrong):
    assert not re.findall(wrong, text, re.MULTILINE)


@pytest.mark.parametrize(("wrong", "example"), WRONG.items())
def test_the_checks_find_what_is_wrong(wrong, example):
    assert re.search(wrong, example)


def test_every_word_is_a_row_of_syllables():
    lexicon = _lexicon(7)
    assert len(lexicon) == len(set(lexicon)) == N_WORDS
    made = lexicon[len(COMMON_WORDS.split()) :]
    assert [word for word in made if not re.fullmatch(f"(?:{SYLLABLE})+", word)] == []


def test_phrases_hold_several_words_without_spaces(text):
    phrases = re.findall("[ก-๎]+", text)
    mean_word = np.mean([len(word) for word in _lexicon(7)])
    assert np.mean([len(phrase) for phrase in phrases]) > 3 * mean_word


def test_writes_thai_digits_and_white_space_alone(text):
    assert re.fullmatch("[ก-๛0-9 \n]+", text)


def test_word_frequencies_follow_zipf():
    drawn = Thai(7)._word(words(stream_key(7, "test"), range(500_000)))
    counts = np.bincount(drawn, minlength=N_WORDS)
    ranks = np.geomspace(10, 2000, 50).astype(int)
    slope = np.polyfit(np.log(ranks), np.log(np.sort(counts)[::-1][ranks - 1]), 1)[0]
    assert 0.9 < -slope < 1.1
