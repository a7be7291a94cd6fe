"""A text of documents from the Hub: part after part, each of so many bytes, and what was taken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from deadtokens.errors import UserError
from deadtokens.hub import contact, documents
from deadtokens.hub.contact import Place
from deadtokens.hub.kept import Kept, Taken

BETWEEN = "\n\n"  # follows every document, as in the synthetic text


def fetch(kept: Kept, parts: Sequence[Mapping], key: str, progress: Callable[[int], None]) -> None:
    """Fetch what is missing of a text.

    kept: of these parts, entries of the configuration; each ends with the document that reaches its
    `bytes` of UTF-8. key: where they stand in it, for messages. progress: is called with the
    number of bytes so far. Raises UserError if a part cannot be had, or is not the one whose
    `sha256` is stated; what was fetched before stays and is not fetched again.
    """
    progress(kept.bytes)
    for number, part in enumerate(parts):
        place = Place(f"{key}.{number}", "dataset", part["repository"], part["revision"])
        if number == len(kept.taken):
            kept.begin(contact.commit(place), part["skip"])
        if not kept.taken[number].is_complete:
            contact.patiently(
                partial(_fetch_part, kept, part, place, progress),
                contact.wait_after,
                place,
                progress=lambda: kept.bytes,
            )
        _check_sum(kept.taken[number], part, place)


def record(parts: Sequence[Mapping], taken: Sequence[Taken]) -> list[dict[str, Any]]:
    """What was taken of each part, for people and for whoever wants the same text again."""
    return [
        {
            **{name: part[name] for name in ("repository", "revision")},
            "commit": of.commit,
            **{name: part[name] for name in ("config", "split", "column")},
            "first_document": part["skip"],
            "last_document": of.next_document - 1,
            "documents": of.documents,
            "first_id": of.first_id,
            "last_id": of.last_id,
            "bytes": of.bytes,
            "sha256": of.sha256,
        }
        for part, of in zip(parts, taken, strict=True)
    ]


def _fetch_part(kept: Kept, part: Mapping, place: Place, progress: Callable[[int], None]) -> None:
    """The rest of the last part."""
    start = kept.taken[-1].next_document
    for rows in documents.rows(part, place, kept.taken[-1].commit, start):
        text, taken = _taken(rows, kept.taken[-1], part["bytes"])
        kept.append(text, taken)
        progress(kept.bytes)
        if taken.is_complete:
            return
    found = kept.taken[-1]
    raise UserError(
        f"{place.key}.bytes is {part['bytes']:,}, but {place.words} ends after {found.bytes:,} "
        f"bytes of text, at document {found.next_document:,} (skip: {part['skip']:,}). Ask for "
        "less of it, or for another config."
    )


def _taken(rows: documents.Rows, before: Taken, size: int) -> tuple[bytes, Taken]:
    """The text of these documents up to the size, and what was taken with it; empty ones do not
    count."""
    pieces, n_bytes = [], before.bytes
    known = before
    for offset, text in enumerate(rows.texts):
        if text:
            piece = (text + BETWEEN).encode()
            pieces.append(piece)
            n_bytes += len(piece)
            this = rows.ids[offset] if rows.ids else None
            first = this if known.documents == 0 else known.first_id
            known = replace(known, documents=known.documents + 1, first_id=first, last_id=this)
        known = replace(known, next_document=rows.first + offset + 1)
        if n_bytes >= size:
            known = replace(known, is_complete=True)
            break
    return b"".join(pieces), known


def _check_sum(taken: Taken, part: Mapping, place: Place) -> None:
    stated = part["sha256"]
    if stated is not None and stated != taken.sha256:
        raise UserError(
            f"{place.key}.sha256 is {stated}, but the text that {place.words} has at commit "
            f"{taken.commit} ({taken.documents:,} documents, {taken.bytes:,} bytes) has "
            f"{taken.sha256}. It is another text than the one stated: pin the revision of that "
            "one, or state this one."
        )
