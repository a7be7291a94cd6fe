"""Numbers typed by hand into the template of the findings are noticed; names are no numbers."""

import json
from pathlib import Path

import pytest

from deadtokens.report import typed_numbers

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "workflow/report/findings.md.jinja").read_text("utf-8")
EXPERIMENTS = json.loads((ROOT / "workflow/report/published.json").read_text("utf-8"))


def test_the_template_has_none():
    assert typed_numbers.typed(TEMPLATE, EXPERIMENTS) == []


@pytest.mark.parametrize(
    "number",
    ["73%", "1,543", "0.5", "12", "7e-5", "p = 0.13", "`73`", "three", "Twelve", "half of them"],
)
def test_a_number_that_is_typed_into_it_is_noticed_with_its_line(number):
    lines = TEMPLATE.split("\n")
    place = lines.index("## Limits") + 2
    typed = "\n".join([*lines[:place], f"- It is {number}.", *lines[place:]])
    ((line, found),) = typed_numbers.typed(typed, EXPERIMENTS)
    assert line == place + 1
    assert found.lower() in number.lower()


@pytest.mark.parametrize(
    "expression",
    [
        "{{ 73 }}",
        "{{ '73%' }}",
        "{% set share = 0.73 %}",
        "{% if of.share > 0.5 %}more{% endif %}",
        "{{ of.share + 1 }}",
        "{{ 73 | percent }}",
    ],
)
def test_a_number_within_braces_is_noticed(expression):
    assert [line for line, _ in typed_numbers.typed(f"Words.\n{expression}\n")] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "bfloat16, float32, `crucible1_fineweb`, beta2, W[0], GPT-2",
        "Crucible 1, Thimble 7 and Wordybird 1b",
        "[a page](https://example.org/2024/7) ![picture](figures/x_1.png) &#124;ΔW′&#124;₂",
        "```sh\nsnakemake --cores 2\n```",
        "{{ of.share | percent(3) }} {{ phases('majority', scale='element 1') }}",
        "{{ published['Crucible 1'].steps | count }}",
        "{# 73% #}below half a lattice cell",
    ],
)
def test_names_addresses_commands_and_digits_of_formats_are_none(text):
    assert typed_numbers.typed(text, EXPERIMENTS) == []


def test_a_line_is_that_of_the_template_whatever_an_expression_takes_away():
    template = (
        "{% if of %}\na\n\n{%- if of %}b{% endif -%}\n\n{# a\ncomment #}\nc 73\n{% endif %}\n"
    )
    assert typed_numbers.typed(template) == [(8, "73")]


def test_experiments_that_nobody_published_are_numbers():
    assert typed_numbers.typed("Crucible 9\n", EXPERIMENTS) == [(1, "9")]
    assert typed_numbers.typed("Crucible 12\n", EXPERIMENTS) == [(1, "12")]
