"""A file of somebody else's under a name of ours: a link, with a record of what it leads to.

What is read through the link is held against the record (`provenance.Verifier`), so a file that is
changed or exchanged later is noticed. Replacing or removing the link touches no byte of the file.
"""

import contextlib
import json
import os
import uuid
from pathlib import Path

from deadtokens.errors import UserError
from deadtokens.files import provenance
from deadtokens.files.provenance import Record

MADE_BY = "adopt_trajectory"  # the program whose links may be replaced


def is_ours(path: Path) -> bool:
    """Whether a path is a link that the workflow made, wherever it leads; UserError if its record
    is damaged."""
    if not path.is_symlink():
        return False
    return any(record.made_by.get("program") == MADE_BY for record in provenance.recorded(path))


def refuse_foreign(path: Path) -> None:
    """UserError if something lies there that is neither such a link nor a file made here."""
    if is_ours(path):
        return
    if path.is_symlink() and not path.exists():
        raise UserError(dangling(path))
    provenance.refuse_foreign(path)


def dangling(path: Path) -> str:
    """What to say of a link of somebody else's that leads to nothing now."""
    return (
        f"{path}: is a link to {os.readlink(path)}, which is not there, and was not made by this "
        "workflow. It is not replaced: its disk may be away. Move the link elsewhere to keep it, "
        "or delete it to have the file made."
    )


def put(link: Path, target: Path, record: Record) -> None:
    """Make a link to a file, with the record of what it is, or replace one of ours.

    Killed in between, whatever lies under the name has a record that it agrees with.
    """
    refuse_foreign(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.{uuid.uuid4().hex}")
    # To the file itself: a link on the way may be one that Snakemake's own folder holds.
    new.symlink_to(os.path.realpath(target))
    try:
        if os.environ.get(provenance.KEPT) != "none":
            _write(link, record, _standing(link))
        os.replace(new, link)
        if os.environ.get(provenance.KEPT) != "none":
            _write(link, record, None)
    finally:
        new.unlink(missing_ok=True)


def _standing(link: Path) -> Record | None:
    """The record of what lies there until it is replaced."""
    return provenance.record_of(link) if link.exists() else None


def _write(path: Path, record: Record, replaces: Record | None) -> None:
    where = provenance.place(path)
    where.parent.mkdir(exist_ok=True)
    new = where.with_name(f".{where.name}.{uuid.uuid4().hex}")
    values = record.to_json() | {"replaces": replaces and replaces.to_json()}
    with contextlib.ExitStack() as left:
        left.callback(new.unlink, missing_ok=True)
        with new.open("w", encoding="utf-8") as file:
            json.dump(values, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, where)
