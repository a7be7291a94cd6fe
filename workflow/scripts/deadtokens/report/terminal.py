"""A run in letters, for a terminal: what it has come to, and a line of bars for each share."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

BARS = " ▁▂▃▄▅▆▇█"
NOTHING = "·"  # not measured
LONGEST_NAME = 24


def bars(values: Sequence[float], lowest: float, highest: float) -> str:
    """A letter for each value, its height that of the value between the two; · for NaN."""
    span = (highest - lowest) or 1.0
    heights = np.clip((np.asarray(values, float) - lowest) / span, 0, 1) * (len(BARS) - 1)
    # What is above nothing shows, be it ever so little.
    return "".join(NOTHING if np.isnan(h) else BARS[int(np.ceil(h - 1e-9))] for h in heights)


def page(
    head: str,
    loss: pd.Series,
    shares: pd.DataFrame,
    scales: Mapping[str, Mapping[str, str]],
    population: str,
) -> str:
    """The whole picture as lines.

    loss: by step. shares: a row per step that was measured, `moving` and columns as phases.csv.
    scales: by the title of each, its phases with their columns, cold to hot. population: whose
    shares they are.
    """
    lines = [head, ""]
    known = loss.dropna()
    if len(known):
        low, high = float(known.min()), float(known.max())
        low -= (high - low) / (len(BARS) - 2)  # the lowest loss is no empty place
        lines.append(_line("loss", f"{known.iloc[-1]:.4f}", bars(loss, low, high)))
    if len(shares):
        lines.append(_share("moving", shares["moving"]))
        for title, phases in scales.items():
            lines += ["", f"{title}, share of {population} tokens by phase"]
            lines += [_share(name, shares[c]) for name, c in reversed([*phases.items()])]
        first, last = shares.index[0], shares.index[-1]
        lines += ["", f"steps {first:,} to {last:,}, even in the square root of the step"]
    return "\n".join(lines)


def _share(name: str, shares: pd.Series) -> str:
    last = shares.dropna()
    return _line(name, f"{last.iloc[-1]:.1%}" if len(last) else "", bars(shares, 0, 1))


def _line(name: str, value: str, drawn: str) -> str:
    return f"  {name[:LONGEST_NAME]:<{LONGEST_NAME}} {value:>8}  {drawn}"
