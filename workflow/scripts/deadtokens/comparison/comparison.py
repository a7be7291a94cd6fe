"""Runs side by side, as a table for people."""

import re
from collections.abc import Mapping

import pandas as pd

from deadtokens.comparison import markdown as md

VANISHED = "hottest_phase_vanished"
ROWS = {
    "steps": "steps",
    "corpus_tokens": "tokens of the model corpus",
    "live": "live tokens",
    "dead": "dead tokens",
    "mean_displacement_at_first_step": "mean |ΔW′|₂ at step 1, lattice cells",
    "mean_displacement_at_last_step": "mean |ΔW′|₂ at the last step, lattice cells",
    "momentum_norm": "range of |m|₂",
    "mean_variance": "range of the mean of v",
    "gradient_norm": "range of |g|₂",
    VANISHED: "first step with the hottest phase vanished",
    "half_still": "first step with half of the tokens still",
    "tokens_moving_at_last_step": "tokens moving at the last step",
    "unigram_entropy": "entropy of the token frequencies, nats",
    "final_loss": "loss at the last step, nats",
}


def markdown(published: Mapping[str, Mapping], summaries: Mapping[str, Mapping]) -> str:
    """A table with a column for each published experiment and each run, None standing for never.

    published: figures by experiment; summaries: figures by run.
    """
    return md.table(table(published, summaries))


def table(published: Mapping[str, Mapping], summaries: Mapping[str, Mapping]) -> pd.DataFrame:
    """The same as text: a row per figure, its meaning first."""
    experiments = {figures["experiment"] for figures in summaries.values()}
    columns = {f"{name}, published": published[name] for name in published if name in experiments}
    columns |= {f"`{run}`": figures for run, figures in summaries.items()}
    schemes = {_vanished(figures) for figures in columns.values() if VANISHED in figures}
    alike = len(schemes) == 1  # otherwise each cell says when its hottest phase counts as vanished
    meanings = ROWS | ({VANISHED: f"first step with {schemes.pop()}"} if alike else {})
    return pd.DataFrame(
        {"": meanings.values()}
        | {name: [_cell(of, key, alike) for key in ROWS] for name, of in columns.items()}
    )


def _vanished(figures: Mapping) -> str:
    """When the phases of these figures count the hottest one as vanished, in words."""
    return f"{_literal(figures['hottest_phase'])} below {100 * figures['vanishing_fraction']:.3g}%"


def _literal(text: str) -> str:
    """What a user wrote, on one line and with nothing in it that Markdown or HTML would take up."""
    return re.sub(r"[&<>`*_\[\]\\$~#|]", lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))


def _cell(figures: Mapping, key: str, alike: bool) -> str:
    if key not in figures:
        return "not given"
    value = _value(figures[key])
    return value if alike or key != VANISHED else f"{value} ({_vanished(figures)})"


def _value(value: object) -> str:
    if value is None:
        return "never"
    if isinstance(value, list):
        return " to ".join(f"{end:.2e}" for end in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
