"""Numbers typed by hand into a template, where every number should come from a file.

A number is a word that begins with a digit or is one of `WORDS`. Names that hold digits are none if
digits are not how they begin (`bfloat16`, `crucible1`), nor are names that are allowed. Fenced
blocks hold commands and are not looked at, and neither are addresses of links. Within expressions a
literal is a number typed by hand unless it is an argument: of a filter, digits to be written; of a
source, the name of a fact.
"""

import re
from collections.abc import Iterable, Iterator

from jinja2 import Environment, nodes

WORDS = (
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("twenty", "thirty", "forty", "fifty", "hundred", "hundreds", "thousand", "thousands"),
    *("dozen", "million", "twice", "thrice", "half", "third", "quarter", "tenth"),
)
# Words of the field, which count or measure nothing that was found.
TERMS = ("GPT-2", "2 x 2", "W[0]", "half a lattice cell", "half a cell", "two gauges")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"\]\([^)\n]*\)|https?://\S+|&#?\w+;")
NUMBER = re.compile(rf"(?<![\w.])\d\w*(?:[.,-]\d\w*)*%?|\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
EXPRESSION = "\N{OBJECT REPLACEMENT CHARACTER}"


def typed(template: str, allowed: Iterable[str] = ()) -> list[tuple[int, str]]:
    """(line, number) of each, in their order. allowed: names beside `TERMS` that hold digits."""
    environment = Environment()
    found = [*_in_text(_text(environment, template), (*allowed, *TERMS))]
    found += _in_expressions(environment.parse(template))
    return sorted(found)


def _text(environment: Environment, template: str) -> str:
    """The template without what is within braces; lines stay where they are."""
    parts, here = [], 1
    for line, kind, value in environment.lex(template):
        # Blanks that an expression takes away with it would move what follows to earlier lines.
        parts.append("\n" * (line - here))
        here = max(line, here) + value.count("\n")
        if kind == "data":
            parts.append(value)
        else:
            parts.append(
                (EXPRESSION if kind == "variable_begin" else "") + "\n" * value.count("\n")
            )
    return "".join(parts)


def _in_text(text: str, allowed: Iterable[str]) -> Iterator[tuple[int, str]]:
    for pattern in (FENCED, ADDRESS):
        text = pattern.sub(_blank, text)
    for name in sorted(allowed, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", text)
    for number, line in enumerate(text.split("\n"), start=1):
        yield from ((number, found[0]) for found in NUMBER.finditer(line))


def _blank(match: re.Match) -> str:
    return "\n" * match[0].count("\n")


def _in_expressions(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    arguments = {
        id(literal)
        for node in tree.find_all((nodes.Filter, nodes.Call, nodes.Getitem))
        for argument in _arguments(node)
        for literal in (argument, *argument.find_all(nodes.Const))
    }
    for literal in tree.find_all(nodes.Const):
        text = str(literal.value)
        is_number = isinstance(literal.value, int | float) and not isinstance(literal.value, bool)
        if id(literal) not in arguments and (is_number or NUMBER.search(text)):
            yield literal.lineno, text


def _arguments(node: nodes.Filter | nodes.Call | nodes.Getitem) -> list[nodes.Node]:
    if isinstance(node, nodes.Getitem):
        return [node.arg]
    return [*node.args, *(keyword.value for keyword in node.kwargs)]
