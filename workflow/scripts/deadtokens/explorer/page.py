"""The page of tokens: what it holds of each, and of the tracks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.explorer.tracks import Track
from deadtokens.freezing import stopping
from deadtokens.pages.parts import filled, packed

# How its last motion is to be read, by the places in a token's row.
NEVER, STOPPED, CENSORED = STATES = ("never moved", "stopped", "censored")
NORMS = {"norm": "initial_norm", "relative": "initial_norm_relative"}
COLUMNS = ("token_id", "token", "script", *NORMS.values(), "last_motion_step")


def bounds(settings: Mapping) -> tuple[float, ...]:
    """What decides of a motion which phase it is, and whether it is one: kept by its levels."""
    return tuple(sorted({*settings["thresholds"], settings["motion_threshold"]}))


def states(last: np.ndarray, steps: int, still_for: int) -> list[str]:
    """Of each last motion (-1: none) whether the token stopped: it is still for so many steps.

    One that moved later than that may only pause at the end of the run: its stop is censored.
    """
    stopped = stopping.stopped(last, steps, still_for)
    return [
        NEVER if step < 0 else STOPPED if has else CENSORED
        for step, has in zip(last, stopped, strict=True)
    ]


def tokens(table: pd.DataFrame, steps: int, still_for: int) -> dict[str, list]:
    """Of every token, in the order of the tracks; table: freezing.csv."""
    last = table["last_motion_step"].to_numpy()
    return {
        "id": table["token_id"].tolist(),
        "text": table["token"].tolist(),
        "script": table["script"].tolist(),
        **{key: [float(f"{x:.6g}") for x in table[name]] for key, name in NORMS.items()},
        "last": [int(step) for step in last],
        "state": states(last, steps, still_for),
    }


def check_tokens(name: str, table: pd.DataFrame, ids: np.ndarray) -> None:
    """UserError unless the table is of these tokens, in this order."""
    if not np.array_equal(table["token_id"], ids):
        raise UserError(
            f"{name}: its {len(table)} tokens are not the {len(ids)} of the displacement: give the "
            "files of one run, and of its dead tokens."
        )


def html(parts: Mapping[str, str], about: Mapping, listed: Mapping, tracks: Sequence[Track]) -> str:
    """The page. parts: by name, `page` the HTML with a slot for each of the others.

    about: what the page says of the run; listed: `tokens`. UserError if a part is missing.
    """
    data = {
        **about,
        "bounds": bounds(about),
        "tokens": listed,
        "tracks": [track.described() for track in tracks],
    }
    held = {f"track-{track.name}": packed(track.level) for track in tracks}
    return filled(parts, data, held)
