"""Scripts and characters by code point, written out: Unicode tables differ between versions."""

from bisect import bisect_right

# first code point, last one, script; in order, without overlap
_RANGES = [
    (0x0041, 0x005A, "Latin"), (0x0061, 0x007A, "Latin"), (0x00AA, 0x00AA, "Latin"),
    (0x00BA, 0x00BA, "Latin"), (0x00C0, 0x00D6, "Latin"), (0x00D8, 0x00F6, "Latin"),
    (0x00F8, 0x02AF, "Latin"), (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"), (0x0591, 0x05F4, "Hebrew"), (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"), (0x0900, 0x097F, "Devanagari"), (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0DFF, "Indic"), (0x0E01, 0x0E5B, "Thai"),
    (0x0E80, 0x0EFF, "Lao"), (0x0F00, 0x0FFF, "Tibetan"), (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"), (0x1100, 0x11FF, "Hangul"), (0x1200, 0x137F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"), (0x1E00, 0x1EFF, "Latin"), (0x1F00, 0x1FFF, "Greek"),
    (0x3005, 0x3007, "CJK"), (0x3041, 0x309F, "Kana"), (0x30A0, 0x30FF, "Kana"),
    (0x3100, 0x312F, "Bopomofo"), (0x3130, 0x318F, "Hangul"), (0x3400, 0x4DBF, "CJK"),
    (0x4E00, 0x9FFF, "CJK"), (0xAC00, 0xD7A3, "Hangul"), (0xF900, 0xFAFF, "CJK"),
    (0xFB50, 0xFDFF, "Arabic"), (0xFE70, 0xFEFC, "Arabic"), (0xFF21, 0xFF3A, "Latin"),
    (0xFF41, 0xFF5A, "Latin"), (0xFF66, 0xFF9D, "Kana"), (0x20000, 0x323AF, "CJK"),
]  # fmt: skip
# Unicode's White_Space; not `str.isspace`, which knows a few separators more.
WHITESPACE = [
    *range(0x0009, 0x000E), 0x0020, 0x0085, 0x00A0, 0x1680, *range(0x2000, 0x200B),
    0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
]  # fmt: skip
_STARTS = [first for first, _, _ in _RANGES]

# Runs of characters assigned since Unicode 5 or earlier, in the order in which the rare tail of a
# synthetic corpus takes them: first code point, last one, how many of it in every round.
RARE_RUNS = [
    (0x4E00, 0x9FA5, 20), (0xAC00, 0xD7A3, 6), (0x0410, 0x044F, 2), (0x3042, 0x3082, 2),
    (0x30A2, 0x30E2, 2), (0x03B1, 0x03C9, 1), (0x0391, 0x03A1, 1), (0x0627, 0x063A, 1),
    (0x0641, 0x064A, 1), (0x0905, 0x0939, 1), (0x05D0, 0x05EA, 1), (0x0995, 0x09A8, 1),
    (0x10D0, 0x10F0, 1), (0x0561, 0x0586, 1), (0x2190, 0x21F3, 1), (0x2200, 0x22F1, 2),
    (0x2500, 0x257F, 1), (0x2600, 0x263F, 1), (0x1200, 0x1206, 1), (0x0B85, 0x0B8A, 1),
]  # fmt: skip


def script_of(character: str) -> str:
    """The script of one character by its code point; `other` for digits, marks and symbols."""
    place = bisect_right(_STARTS, ord(character)) - 1
    if place >= 0 and ord(character) <= _RANGES[place][1]:
        return _RANGES[place][2]
    return "other"


def script_of_token(token: str) -> str:
    """The script of a token's first letter that has one; `other` if none has."""
    return next((script for script in map(script_of, token) if script != "other"), "other")


def rare_characters(size: int) -> str:
    """The first `size` characters of the rare tail: many scripts, CJK and Hangul the most."""
    positions = [first for first, _, _ in RARE_RUNS]
    taken = []
    while len(taken) < size:
        for run, (_, last, share) in enumerate(RARE_RUNS):
            stop = min(positions[run] + share, last + 1)
            taken += map(chr, range(positions[run], stop))
            positions[run] = stop
    return "".join(taken[:size])
