"""The figure of a census: exponents, black holes, where they lie, who is in them.

Draws what `census.counting` has found; computes nothing.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from deadtokens.figures import letters, pictures, style
from deadtokens.figures.inputs import json_of
from deadtokens.files import tables
from deadtokens.files.documents import Maybe

HEIGHT_OVER_WIDTH = 0.66
# Okabe and Ito's, for every kind of colour blindness.
CORE, OUTSKIRTS, REST = "#d55e00", "#0072b2", "#9a9a9a"
LINES = ("#222222", "#d55e00", "#0072b2", "#009e73")
# One line may lie upon another.
DRAWN = (
    {"marker": "o", "markersize": 3.5, "linewidth": 2},
    {"marker": "o", "markersize": 1.6, "linewidth": 0.9},
)
SCRIPTS_SHOWN = 7
FROM_CENTRE = "Euclidean distance\nfrom the centre"
BINS = 60
INDICATORS = {
    "cosine_distance": "Cosine distance\nto the mean unused row",
    "norm": "Norm",
}

PLACE = {"matrix": str, "reading": str}
READING = {
    **{"tokens": int, "vectors": int, "black_holes": int, "black_hole_tokens": int},
    "populations": [int],
    "exponents": {
        **{"cut": int, "counts": [int]},
        "plateau": Maybe({"first": int, "last": int, "tokens": int}),
    },
    "within_cut": {"vectors": int, "tokens": int},
    "adjacency": {"candidate_pairs": int, "components": Maybe(int), "pairs": Maybe(int)},
    "geography": {
        "shells": [{"from": float, "to": float, "vectors": int, "tokens": int}],
    },
}
# What is drawn of census.json.
SUMMARY = {"matrices": {str: {"readings": {str: READING}}}}
VECTORS = (*PLACE, "population", "distance", "within_cut", "core")
TOKENS = (*PLACE, "script", "kind", "within_cut", *INDICATORS)
TEXT = (*PLACE, "token", "script", "kind", "reachable")

# By the option of the program: how a file is read, and what it holds.
INPUTS = {
    "summary": (json_of(SUMMARY), "JSON: what was found"),
    "vectors": (
        partial(tables.read, columns=VECTORS, text=tuple(PLACE)),
        "CSV: a row per vector of the structure",
    ),
    "tokens": (partial(tables.read, columns=TOKENS, text=TEXT), "CSV: a row per token"),
}


def draw(
    summary: Mapping, vectors: pd.DataFrame, tokens: pd.DataFrame, title: str, width_mm: float
) -> Figure:
    """a, b: exponents and black holes of all matrices. c to f: the last one in its exact bits."""
    readings = {
        (name, reading): found
        for name, matrix in summary["matrices"].items()
        for reading, found in matrix["readings"].items()
    }
    last = [*summary["matrices"]][-1]
    chosen = next(place for place in readings if place[0] == last)
    drawing = style.figure(width_mm, width_mm * HEIGHT_OVER_WIDTH)
    a, b, c, d, e, f = drawing.subplots(2, 3).flat
    _draw_exponents(a, readings)
    _draw_holes(b, readings)
    own_vectors, own_tokens = (_of(table, chosen) for table in (vectors, tokens))
    _draw_geography(c, own_vectors[own_vectors["within_cut"] == 1])
    _draw_shells(d, readings[chosen])
    _draw_scripts(e, own_tokens)
    _draw_indicator(f, own_tokens)
    pictures.head(drawing, f"{letters.short(title, 40)}: {_headline(chosen, readings)}")
    return drawing


def _of(table: pd.DataFrame, place: tuple[str, str]) -> pd.DataFrame:
    return table[(table["matrix"] == place[0]) & (table["reading"] == place[1])]


def _styles(readings: Mapping):
    """Of each matrix and reading its colour and name."""
    for number, ((matrix, reading), found) in enumerate(readings.items()):
        yield found, LINES[number % len(LINES)], f"{matrix}, {reading}"


def _draw_exponents(panel: Axes, readings: Mapping) -> None:
    panel.set_title("a  Tokens around the centre")
    for number, (found, colour, label) in enumerate(_styles(readings)):
        exponents = found["exponents"]
        counts = exponents["counts"]
        panel.plot(range(len(counts)), counts, color=colour, label=label, **DRAWN[number > 0])
        if exponents["plateau"] and number == 0:
            ends = exponents["plateau"]["first"], exponents["plateau"]["last"]
            panel.axvspan(ends[0] - 0.4, ends[1] + 0.4, color=CORE, alpha=0.12, linewidth=0)
    cut = next(iter(readings.values()))["exponents"]["cut"]
    panel.axvline(cut + 0.5, color=style.FAINT, linewidth=0.8, linestyle=(0, (3, 2)))
    _on_a_log(panel, 0.8)
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panel.set_xlabel("Exponent distance from the centre\n(dashed: the cut; shaded: a plateau)")
    panel.set_ylabel("Tokens within it")
    panel.legend(loc="lower right")


def _draw_holes(panel: Axes, readings: Mapping) -> None:
    panel.set_title("b  Black holes, by population")
    panel.set_xlabel("Rank")
    panel.set_ylabel("Tokens of one vector")
    for found, colour, label in _styles(readings):
        sizes = found["populations"]
        if sizes:
            ranks = range(1, len(sizes) + 1)
            panel.plot(ranks, sizes, "o-", color=colour, markersize=3, linewidth=0.6, label=label)
    if not panel.lines:
        _nothing(panel, "no two tokens share a vector")
        return
    _on_a_log(panel, 1.5)
    if max(len(found["populations"]) for found in readings.values()) > 30:
        panel.set_xscale("log")
    else:
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panel.legend(loc="upper right")


def _draw_geography(panel: Axes, vectors: pd.DataFrame) -> None:
    panel.set_title("c  Vectors of the structure")
    if len(vectors) < 2:
        _nothing(panel, "the centre stands alone")
        return
    for is_core, colour, label in ((0, OUTSKIRTS, "outskirts"), (1, CORE, "core")):
        rows = vectors[vectors["core"] == is_core]
        panel.plot(
            *(rows["distance"], rows["population"], "o"),
            **{"color": colour, "markersize": 3, "alpha": 0.7, "markeredgewidth": 0},
            label=f"{label} ({len(rows):,})",
            rasterized=len(rows) > 5000,
        )
    _on_a_log(panel, 0.7)
    # The core is small beside the way to the outermost vector.
    panel.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.set_xlabel(f"{FROM_CENTRE} (square root)")
    panel.set_ylabel("Tokens of a vector")
    panel.legend(loc="upper right")


def _draw_shells(panel: Axes, found: Mapping) -> None:
    panel.set_title("d  Density by shell")
    shells = found["geography"]["shells"]
    if found["within_cut"]["vectors"] < 2:
        _nothing(panel, "the centre stands alone")
        return
    left = [shell["from"] for shell in shells]
    width = [shell["to"] - shell["from"] for shell in shells]
    vectors = np.array([shell["vectors"] for shell in shells])
    tokens = np.array([shell["tokens"] for shell in shells])
    for height, colour, label in ((tokens, REST, "tokens"), (vectors, OUTSKIRTS, "vectors")):
        panel.bar(left, height, width, align="edge", color=colour, label=label)
    _on_a_log(panel, 0.7)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.set_xlabel(FROM_CENTRE)
    panel.set_ylabel("Number in the shell")
    panel.legend(loc="upper right")


def _draw_scripts(panel: Axes, tokens: pd.DataFrame) -> None:
    panel.set_title("e  Who is in the structure")
    inside = tokens[(tokens["within_cut"] == 1) & (tokens["script"] != "")]
    if inside.empty:
        _nothing(panel, "no tokenizer names them")
        return
    counts = inside["script"].value_counts()
    counts = counts.iloc[np.lexsort((counts.index, -counts.to_numpy()))][:SCRIPTS_SHOWN]
    names = [letters.short(name, 18) for name in counts.index]
    panel.barh(range(len(counts)), counts, color=CORE, height=0.7)
    for place, (script, count) in enumerate(counts.items()):
        of_all = int((tokens["script"] == script).sum())
        panel.text(count, place, f" {count:,} of {of_all:,}", va="center", fontsize=6.5)
    panel.set_yticks(range(len(counts)), names)
    panel.set_ylim(max(len(counts), 4) - 0.5, -0.5)
    panel.set_xlim(0, 1.6 * counts.max())
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(_separated))
    panel.set_xlabel("Tokens, by script")


def _draw_indicator(panel: Axes, tokens: pd.DataFrame) -> None:
    there = tokens[tokens["within_cut"].notna()]
    name = "cosine_distance" if there["cosine_distance"].notna().any() else "norm"
    panel.set_title("f  Magikarp's indicator")
    edges = np.histogram_bin_edges(there[name].dropna(), BINS)
    parts = {
        "other tokens": ((there["within_cut"] == 0) & (there["kind"] != "unused"), REST),
        "reserved entries": (there["kind"] == "unused", LINES[3]),
        "the structure": (there["within_cut"] == 1, CORE),
    }
    for label, (chosen, colour) in parts.items():
        if chosen.any():
            panel.hist(
                there.loc[chosen, name].dropna(),
                **{"bins": edges, "histtype": "step", "color": colour, "linewidth": 1.1},
                label=f"{label} ({int(chosen.sum()):,})",
            )
    _on_a_log(panel, 0.7)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.ticklabel_format(axis="x", useOffset=False)
    panel.set_xlabel(INDICATORS[name])
    panel.set_ylabel("Tokens")
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.36))


def _on_a_log(panel: Axes, bottom: float) -> None:
    panel.set_yscale("log")
    panel.set_ylim(bottom=bottom)
    panel.yaxis.set_major_formatter(FuncFormatter(_separated))
    panel.yaxis.set_minor_formatter(NullFormatter())


def _nothing(panel: Axes, text: str) -> None:
    panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
    pictures.remark(panel, text)


def _separated(number: float, _) -> str:
    return f"{number:,.0f}" if number >= 1 else ""


def _headline(chosen: tuple[str, str], readings: Mapping) -> str:
    found = readings[chosen]
    where = "" if len(readings) == 1 else f" ({chosen[0]}, {chosen[1]})"
    holes, tokens = found["black_holes"], found["tokens"]
    if not holes:
        return f"no two of {tokens:,} tokens share a vector{where}"
    return (
        f"{holes:,} black hole{'s' if holes > 1 else ''} hold{'' if holes > 1 else 's'} "
        f"{found['black_hole_tokens']:,} of {tokens:,} tokens{where}"
    )
