"""The parts of a page put into one file that needs nothing else."""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

from deadtokens.errors import UserError

# By the ending of a part's file: its slot, and the tag that it stands in.
SLOTS = {"html": ("page", ""), "css": ("style", "style"), "js": ("script", "script")}
SLOT = re.compile(r"<!--(\w+)-->")  # in the page's HTML, what a part is put in place of


def filled(parts: Mapping[str, str], data: object, held: Mapping[str, str]) -> str:
    """The page. parts: by name, `page` the HTML with a slot for each of the others.

    data: JSON, the page's element `data`; held: by the name of its element what is `packed`.
    UserError if a part is missing.
    """
    scripts = [f'<script type="application/json" id="data">{as_json(data)}</script>']
    scripts += [
        f'<script type="text/plain" id="{name}">{content}</script>'
        for name, content in held.items()
    ]
    whole = {**parts, "data": "\n".join(scripts)}

    def part(slot: re.Match) -> str:
        if slot[1] not in whole:
            raise UserError(f"the page has a slot {slot[1]}, and there is no such part: give it.")
        return whole[slot[1]]

    return SLOT.sub(part, parts["page"])


def as_json(value: object) -> str:
    """JSON that ends no script, whatever text is in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def packed(content: np.ndarray | bytes) -> str:
    """Bytes as a browser unpacks them: zlib's deflate, then base64."""
    raw = content if isinstance(content, bytes) else np.ascontiguousarray(content).tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode("ascii")


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
