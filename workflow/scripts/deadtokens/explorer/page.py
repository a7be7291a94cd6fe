"""The page: its parts, the tokens and the tracks, put into one file that needs nothing else."""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from deadtokens.errors import UserError
from deadtokens.explorer.tracks import Track
from deadtokens.freezing import stopping

# How its last motion is to be read, by the places in a token's row.
NEVER, STOPPED, CENSORED = STATES = ("never moved", "stopped", "censored")
NORMS = {"norm": "initial_norm", "relative": "initial_norm_relative"}
COLUMNS = ("token_id", "token", "script", *NORMS.values(), "last_motion_step")
# By the ending of a part's file: its slot, and the tag that it stands in.
SLOTS = {"html": ("page", ""), "css": ("style", "style"), "js": ("script", "script")}
SLOT = re.compile(r"<!--(\w+)-->")  # in the page's HTML, what a part is put in place of


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
    held = [f'<script type="application/json" id="data">{as_json(data)}</script>']
    held += [
        f'<script type="text/plain" id="track-{track.name}">{packed(track.level)}</script>'
        for track in tracks
    ]
    filled = {**parts, "data": "\n".join(held)}

    def part(slot: re.Match) -> str:
        if slot[1] not in filled:
            raise UserError(f"the page has a slot {slot[1]}, and there is no such part: give it.")
        return filled[slot[1]]

    return SLOT.sub(part, parts["page"])


def as_json(value: object) -> str:
    """JSON that ends no script, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def packed(level: np.ndarray) -> str:
    """Bytes as a browser unpacks them: zlib's deflate, then base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(level).tobytes(), 9)).decode("ascii")


def named_parts(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Parts by the name of their slot, as HTML, from names of files and their content.

    UserError for any other file, and where a script or a style would end before its end.
    """
    found: dict[str, str] = {}
    for file, content in files:
        kind = file.rpartition(".")[2]
        if kind not in SLOTS:
            raise UserError(f"{file}: no part of a page; expected a file of {', '.join(SLOTS)}.")
        slot, tag = SLOTS[kind]
        if tag and f"</{tag}" in content.lower():
            raise UserError(f"{file}: must not hold the end of a {tag}, which would end it there.")
        whole = f"<{tag}>\n{content}</{tag}>\n" if tag else content
        found[slot] = found.get(slot, "") + whole
    return found
