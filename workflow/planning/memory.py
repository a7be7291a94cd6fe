"""Files that remember what costs time to find out again; nothing but time is lost with them."""

import contextlib
import json
import uuid
from pathlib import Path


def recall(memory: Path) -> dict:
    """What was kept; nothing if that is gone or damaged."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        kept = json.loads(memory.read_text("utf-8"))
        return kept if isinstance(kept, dict) else {}
    return {}


def keep(memory: Path, values: dict) -> None:
    """Keep it, whole or not at all; a folder that cannot be written to costs time, nothing else."""
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial = memory.with_name(f"{memory.name}.{uuid.uuid4().hex}")
        partial.write_text(json.dumps(values), encoding="utf-8")
        partial.replace(memory)
