"""Text in pictures: what users wrote stands there letter by letter, powers need no markup.

No text is read as mathtext (`style.SETTINGS`), so `$5` is five dollars; powers are written with the
superscripts of Unicode.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import Formatter, LogFormatterMathtext

from deadtokens.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONT = "DejaVu Sans"  # comes with matplotlib, so letters fall alike everywhere
LONGEST_TITLE = 60
LONGEST_NAME = 24
LONGEST_ROW = 64  # of the names in a row of a key
SUPERSCRIPTS = str.maketrans("-−.0123456789", "⁻⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = re.compile(r"\^\{([^}]*)\}")
MARKUP = re.compile(r"\$|\\mathdefault|[{}]")


def literal(value: object) -> object:
    """What was read from a file, every string in it as `visible`, the names of columns too.

    Arrays and what is in a DataFrame stay as they are. UserError if two names would look alike.
    """
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        shown = {literal(key): literal(item) for key, item in value.items()}
        if len(shown) < len(value):
            twins = [key for key in value if list(map(literal, value)).count(literal(key)) > 1]
            raise UserError(
                f"names that look alike in a picture: {', '.join(map(ascii, twins))}. "
                "Choose names of letters that can be seen."
            )
        return shown
    if hasattr(value, "columns"):  # pandas is not imported for figures that need none
        return value.set_axis([*literal(dict.fromkeys(value.columns))], axis="columns")
    return [literal(item) for item in value] if isinstance(value, list | tuple) else value


def visible(text: str) -> str:
    """The text in letters that the font has, others by their numbers: a line break is `\\n`."""
    shown = "".join(letter if is_drawn(letter) else _number(letter) for letter in text)
    # Of names that begin so matplotlib takes none into a legend.
    return f" {shown}" if shown.startswith("_") else shown


def short(text: str, longest: int = LONGEST_NAME) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def in_a_row(names: Iterable[str]) -> list[str]:
    """The names cut so that they fit beside each other."""
    names = list(names)
    return [short(name, max(8, LONGEST_ROW // len(names))) for name in names]


@cache
def is_drawn(letter: str) -> bool:
    """Whether the letter is one that can be seen, or a space, and the font of figures has it."""
    if not letter.isprintable():
        return False
    return get_font(findfont(FontProperties(family=FONT))).get_char_index(ord(letter)) != 0


def power(base: int, exponent: float) -> str:
    """`10⁻⁴`; three digits of the exponent are enough."""
    return f"{base}{f'{exponent:.3g}'.translate(SUPERSCRIPTS)}"


def write_powers(drawing: "Figure") -> None:
    """Have the axes that matplotlib labels with markup write powers in letters."""
    for panel in drawing.findobj(lambda artist: hasattr(artist, "xaxis")):
        for axis in (panel.xaxis, panel.yaxis):
            for setter, formatter in (
                (axis.set_major_formatter, axis.get_major_formatter()),
                (axis.set_minor_formatter, axis.get_minor_formatter()),
            ):
                if isinstance(formatter, LogFormatterMathtext):
                    setter(_InLetters(formatter))


class _InLetters(Formatter):
    """What another formatter writes, its markup as letters."""

    def __init__(self, formatter: Formatter):
        self._formatter = formatter

    def set_axis(self, axis) -> None:
        super().set_axis(axis)
        self._formatter.set_axis(axis)

    def set_locs(self, locs) -> None:
        super().set_locs(locs)
        self._formatter.set_locs(locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        marked = self._formatter(x, pos)
        with_powers = POWER.sub(lambda found: found[1].translate(SUPERSCRIPTS), marked)
        return MARKUP.sub("", with_powers.replace(r"\times", "·")).replace("-", "−")


def _number(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
