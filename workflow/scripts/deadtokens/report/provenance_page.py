"""The page of provenance: of every run what computed it, on what, and with which settings."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from deadtokens.files.documents import IfThere
from deadtokens.report import html

ROWS = {
    "experiment": "experiment",
    "date": "date",
    "total_steps": "steps",
    "n_dead_tokens": "dead tokens",
    "final_loss": "loss at the last step, nats",
    "total_epochs": "epochs",
}
DESCRIBED = IfThere({str: Any})
METADATA = {
    "provenance": {"versions": DESCRIBED, "machine": DESCRIBED, "inputs": DESCRIBED},
}
# What is called in words; other names stand as they are, with spaces.
WORDS = {
    **{"machine": "processor architecture", "cpu_capability": "instruction set"},
    **{"cpu_model": "processor", "cpu_flags": "processor flags", "system": "operating system"},
    **{"environment": "environment variables", "device": "device", "threads": "threads"},
    **{"tokens": "corpus as token ids", "masks": "live and dead tokens"},
}
STYLE = """\
.fimbulwinter td { overflow-wrap: anywhere; }
.fimbulwinter td:first-child { min-width: 11rem; overflow-wrap: normal; }
"""
DIGITS = 12  # of a digest, as many as distinguish files


def page(runs: Mapping[str, Mapping], configuration: Mapping) -> str:
    """The page as HTML. runs: metadata.json by run; configuration: all of it, with defaults."""
    header = ["", *runs]
    listed = [[escape(meaning), *_values(runs, key)] for key, meaning in ROWS.items()]
    parts = [html.heading("Runs"), html.table(pd.DataFrame(listed, columns=header))]
    for key, title in (("versions", "Versions"), ("machine", "Machine"), ("inputs", "Inputs")):
        of_runs = [run["provenance"].get(key, {}) for run in runs.values()]
        names = dict.fromkeys(name for described in of_runs for name in described)
        rows = [
            [escape(_words(name)), *(_cell(one.get(name, "")) for one in of_runs)] for name in names
        ]
        parts += [html.heading(title), html.table(pd.DataFrame(rows, columns=header))]
    digests = [_cell(run["provenance"].get("code", "")) for run in runs.values()]
    parts.append(html.table(pd.DataFrame([["digest of the code", *digests]], columns=header)))
    text = json.dumps(configuration, indent=2, ensure_ascii=False)
    parts.append(html.heading("Configuration"))
    parts.append(html.folded("All keys, with defaults", f"<pre>{escape(text)}</pre>"))
    return html.page(STYLE, *parts)


def _values(runs: Mapping[str, Mapping], key: str) -> list[str]:
    return [_cell(run.get(key, "")) for run in runs.values()]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = _text(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"<code>{text[:DIGITS]}</code>" if is_digest else escape(text)


def _text(value: object) -> str:
    """As a person would write it: lists by commas, names with what they stand for, yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_text(of)}" for name, of in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return str(value)


def _words(name: str) -> str:
    """What a key is called, as HTML."""
    return escape(WORDS.get(name, name.replace("_", " ")))
