"""How the findings write numbers: filters of the template, value in, text out.

A value that is None stands for what is not defined, and is written so. Nothing here rounds to a
number of digits that hides where a value ends: shares near 0 and 1 keep their last digits.
"""

import math
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

NOTHING = "not defined"
# How a block begins that is no paragraph: table, heading, list, picture, fence, comment.
NO_PROSE = ("|", "#", "- ", "![", "```", "<!--")
SMALLEST, LARGEST = 1e-3, 1e6  # beyond them numbers are written with a power of ten


def count(value: float | None) -> str:
    """A whole number, with thousands set apart: 12,345."""
    return NOTHING if value is None else f"{value:,.0f}"


def significant(value: float | bool | None, digits: int = 3) -> str:
    """So many significant digits, whole numbers whole: 0.00123, 7,450, 1.35e-05."""
    if value is None or isinstance(value, bool):
        return {None: NOTHING, True: "yes", False: "no"}[value]
    size = abs(value)
    if size < LARGEST and float(value).is_integer():
        return f"{value:,.0f}"
    if not SMALLEST <= size < LARGEST:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    return f"{value:,.{decimals}f}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share, with so many significant digits from the nearer of its ends: 73%, 0.49%, 99.97%.

    Zeros at its end are left out: 95%, not 95.0%.
    """
    if share is None:
        return NOTHING
    value = 100 * share
    nearer = min(abs(value), abs(100 - value))
    if nearer < 1e-9:
        return f"{value:.0f}%"
    decimals = max(0, digits - 1 - math.floor(math.log10(nearer)))
    text = f"{value:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if decimals else text}%"


def step(value: int | None, steps: int) -> str:
    """A step of a run of so many, or that it never comes."""
    return f"never in {steps:,} steps" if value is None else f"step {value:,}"


def factor(logarithm: float | None, digits: int = 3) -> str:
    """The factor that a natural logarithm stands for."""
    return NOTHING if logarithm is None else significant(math.exp(logarithm), digits)


# How the numbers of an estimate may be written.
WAYS: dict[str, Callable[..., str]] = {
    **{"count": count, "significant": significant, "percent": percent, "factor": factor}
}


def estimate(
    found: Mapping[str, Any] | None, way: str = "significant", *digits: int, ends: str = ""
) -> str:
    """A value and its interval, as JSON files have them: 0.73 (0.32 to 0.98).

    found: `value` or `mean`; `low` and `high`, or both under the key `ends`, if there are any;
    `never`, at how many of `seeds` random seeds it is undefined, and `text`, which then stands for
    the value.
    """
    if found is None:
        return NOTHING
    in_words = WAYS[way]
    value = found["value"] if "value" in found else found["mean"]
    if value is None:
        if never := found.get("never"):
            undefined = f"undefined at {never:,} of {found['seeds']:,} random seeds"
            return found.get("text") or undefined
        return found.get("text") or NOTHING
    text = in_words(value, *digits)
    low, high = found[ends] if ends else (found.get("low"), found.get("high"))
    if low is None or high is None:
        return text
    return f"{text} ({in_words(low, *digits)} to {in_words(high, *digits)})"


def joined(values: list[Any], way: str = "count") -> str:
    """Several numbers, the last after `and`."""
    words = [WAYS[way](value) for value in values]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def filled(markdown: str, width: int = 117) -> str:
    """Paragraphs of a page filled to lines of this width; all else is left as it is."""
    blocks = re.split(r"(```.*?^```|\n{2,})", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(
        block
        if not block.strip() or block.lstrip("\n").startswith(NO_PROSE)
        else _fill(block, width)
        for block in blocks
    )


def _fill(block: str, width: int) -> str:
    end = "\n" if block.endswith("\n") else ""
    lines = textwrap.wrap(block, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + end


FILTERS = {**WAYS, "step": step, "estimate": estimate, "joined": joined}
