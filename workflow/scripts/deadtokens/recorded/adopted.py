"""A trajectory that was not made here: is it what the configuration says of its run?

Checked without reading all of it: names, dtypes and shapes of the fields, masks, what the file
says of its own settings, and the rows of a few steps. What no file says, for instance Crucible's
learning rate where metadata.json is not beside it, cannot be checked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deadtokens import lattice
from deadtokens.errors import UserError
from deadtokens.files import layout, masks
from deadtokens.files.access import Reader
from deadtokens.files.storage import open_reader
from deadtokens.recorded import naming as names
from deadtokens.recorded.naming import Stored

# A row of a quantity for N recorded rows, a width of D and a vocabulary of V.
ROW = {
    **dict.fromkeys(("W", "m", "v", "g", "delta_W_prime"), ("N", "D")),
    **{"centroid": ("D",), "h_mean": ("D",), "p_mean": ("N",), "logits": ("V",), "loss": ()},
}
FLAGS = ("BOOL", "U8", "I8", "I16", "I32", "I64")
WHOLE = ("I64", "I32", "U16", "U32", "U64", "I16")
BITS = ("U16", "BF16")  # of bfloat16 values, both
SCALARS = ("init_scale", "learning_rate", "weight_decay", "adam_beta1", "adam_beta2")
# What is stored beside the quantities, (dtypes, shape), by series.
FIXED = {
    "crucible": {"dead_mask": (FLAGS, ("V",)), "dead_indices": (WHOLE, ("dead",))},
    "thimble": {
        **dict.fromkeys(("live_mask", "dead_mask"), (FLAGS, ("V",))),
        **{"live_ids": (WHOLE, ("live",)), "dead_ids": (WHOLE, ("dead",))},
    },
    "wordybird": {
        "recorded_steps": (WHOLE, ("T+1",)),
        **dict.fromkeys(SCALARS, (("F32", "F64"), ())),
        **dict.fromkeys(("n_trained", "n_untrained"), (WHOLE, ())),
    },
}
# Endings of messages that speak of files made here.
ADVICE = ("Delete it and make it again.", "Make it again.", "Make it first.", "make it again.")


def opened(path: Path) -> Reader:
    """A reader of a given file; UserError that names it, whatever is wrong with it."""
    try:
        return open_reader(path)
    except UserError as error:
        reason = str(error)
        for advice in ADVICE:
            reason = reason.removesuffix(advice).rstrip()
        raise UserError(f"{reason} This is the trajectory_file: give a complete one.") from None


def dead_mask(file: Reader, settings: Mapping, *given: Path) -> np.ndarray:
    """Which tokens are dead, (V,) bool: by the file's own masks, by given ones, or by both.

    UserError if there are none, they contradict each other, or are of another vocabulary.
    """
    found = {}
    if masks.mask_name(file) is not None:
        found[file.path] = masks.read_dead(file, numbers_too=True)
    for path in given:
        with open_reader(path) as other:
            found[path] = masks.read_dead(other, numbers_too=True)
    if not found:
        raise UserError(
            f"{file.path}: holds no mask of dead tokens, and no mask file is given. Set mask_file "
            "of the run's corpus."
        )
    for path, mask in found.items():
        if len(mask) != settings["vocab_size"]:
            raise UserError(
                f"{path}: its mask has {len(mask):,} entries, but the vocab_size of the run's "
                f"corpus is {settings['vocab_size']:,}. Give the trajectory of this run, or set "
                "vocab_size."
            )
    (path, mask), *others = found.items()
    for other_path, other in others:
        differing = np.flatnonzero(mask != other)
        if len(differing):
            first = ", ".join(map(str, differing[: masks.EXAMPLES]))
            raise UserError(
                f"{path} and {other_path}: the masks of dead tokens differ at {len(differing):,} "
                f"of {len(mask):,} entries, first of all {first} ({mask.sum():,} dead in the one, "
                f"{other.sum():,} in the other). They must be of one corpus and tokenizer: give "
                "the run the corpus that it was trained on, or one with source: none."
            )
    return mask


def sizes(settings: Mapping, dead: np.ndarray) -> dict[str, int]:
    """The numbers that shapes are made of."""
    rows = len(dead) if settings["rows"] == "all" else int(dead.sum())
    return {
        **{"N": rows, "V": len(dead), "dead": int(dead.sum()), "live": int((~dead).sum())},
        **{"D": settings["hidden_dim"], "T": settings["total_steps"]},
        "T+1": settings["total_steps"] + 1,
    }


def fields(settings: Mapping, dead: np.ndarray) -> dict[str, layout.Pattern]:
    """Every field that the trajectory of a run has: its dtypes, one of which will do, and shape.

    settings: naming, record, rows, last_motion, total_steps, hidden_dim. dead: (V,) bool.
    """
    table, number = names.stored(settings["naming"]), sizes(settings, dead)
    patterns = {}
    for quantity in (*settings["record"], "loss"):
        stored = table[quantity]
        row = tuple(number[axis] for axis in ROW[quantity])
        patterns[stored.name] = _dtypes(stored), (number["T+1"] - stored.first, *row)
    if settings["last_motion"]:
        patterns["last_motion_step"] = WHOLE, (number["N"],)
    for name, (dtypes, axes) in FIXED[settings["naming"]].items():
        patterns[name] = dtypes, tuple(number[axis] for axis in axes)
    return patterns


def check_fields(file: Reader, settings: Mapping, dead: np.ndarray) -> None:
    """UserError, with all that is wrong, unless the file has these fields and no others."""
    expected = fields(settings, dead)
    there = {**file.fields, **{name: (kind, ()) for name, kind in file.foreign.items()}}
    problems = [*_too_short(file, settings)]
    if not problems:
        wrong = {name: expected[name] for name in expected if name in file.fields}
        for name, pattern in wrong.items():
            if found := layout.mismatch(file.fields, {name: pattern}):
                problems.append(found)
    problems += [f"it has no {name}" for name in expected if name not in file.fields]
    known = {stored.name: q for q, stored in names.stored(settings["naming"]).items()}
    for name in there:
        if name in expected:
            continue
        key = "last_motion" if name == "last_motion_step" else "record"
        why = f"add {known[name]} to" if name in known else "set"
        is_of_series = name in known or name == "last_motion_step"
        remedy = f"{why} runs.{settings['run']}.{key}" if is_of_series else "no such is known"
        problems.append(f"it has {name}, which the configuration does not expect ({remedy})")
    if problems:
        raise UserError(
            f"{file.path}: is not the trajectory of runs.{settings['run']} as the configuration "
            f"has it: {'; '.join(problems)}. Give the file of this run, or set its keys (naming, "
            "rows, record, last_motion, total_steps, hidden_dim) to what the file holds."
        )


def check_settings(
    source: Path, stated: Mapping[str, Any], settings: Mapping, dead: np.ndarray
) -> None:
    """UserError unless what a file says of its run is what the configuration says.

    stated: values by the configuration's names, and n_dead and n_live. Numbers that were stored as
    float32 are compared as such.
    """
    known = {**settings, "n_dead": int(dead.sum()), "n_live": int((~dead).sum())}
    differing = [
        f"{key} is {value!r} there and {known[key]!r} in the configuration"
        for key, value in stated.items()
        if key in known and not _same(value, known[key])
    ]
    if differing:
        raise UserError(
            f"{source}: {'; '.join(differing)}. It is of another run than runs.{settings['run']}, "
            "or the configuration is to be set to this."
        )


def check_rows(file: Reader, settings: Mapping) -> None:
    """The rows of the first step, one in the middle and the last: UserError if they cannot be."""
    table, steps = names.stored(settings["naming"]), settings["total_steps"]
    problem = _contradiction(file, table, settings["record"], steps)
    if settings["last_motion"] and problem is None:
        last = file.read("last_motion_step")
        if last.min() < -1 or last.max() > steps:
            problem = f"last_motion_step reaches from {last.min()} to {last.max()}, of {steps}"
    if settings["naming"] == "wordybird" and problem is None:
        recorded = file.read("recorded_steps")
        if not np.array_equal(recorded, np.arange(steps + 1)):
            problem = f"recorded_steps are not 0 to {steps}, every step"
    if problem is not None:
        raise UserError(
            f"{file.path}: {problem}. The file was damaged, or was not recorded to its end."
        )


def final_loss(file: Reader, naming: str) -> float:
    """The loss of the last step, as the file has it."""
    name = names.stored(naming)["loss"].name
    last = file.read(name)[-1:]
    return float((lattice.to_float32(last) if last.dtype == np.uint16 else last)[0])


def _dtypes(stored: Stored) -> tuple[str, ...]:
    return BITS if stored.dtype in BITS else (stored.dtype,)


def _too_short(file: Reader, settings: Mapping) -> list[str]:
    """Where all that is recorded by step is of one other number of steps, that says it all."""
    table, recorded = names.stored(settings["naming"]), (*settings["record"], "loss")
    found = {
        file.fields[table[q].name][1][0] + table[q].first - 1
        for q in recorded
        if table[q].name in file.fields and file.fields[table[q].name][1]
    }
    if len(found) == 1 and (steps := found.pop()) != settings["total_steps"]:
        return [f"it records {steps:,} steps, and total_steps is {settings['total_steps']:,}"]
    return []


def _contradiction(
    file: Reader, table: Mapping[str, Stored], record: list[str], steps: int
) -> str | None:
    if "W" not in record:
        return None
    for step in sorted({1, (1 + steps) // 2, steps}):
        before, after = file.read(table["W"].name, step - 1, step + 1)
        if not after.any():
            return f"{table['W'].name} is zero everywhere after step {step}"
        if "delta_W_prime" in record:
            found = file.read(table["delta_W_prime"].name, step - 1, step)[0]
            if not np.array_equal(found, lattice.displacement(before, after), equal_nan=True):
                return (
                    f"delta_W_prime of step {step} is not the difference of W before and after it"
                )
    return None


def _same(stated: object, configured: object) -> bool:
    numbers = (int, float, np.integer, np.floating)
    if isinstance(stated, bool) or isinstance(configured, bool):
        return stated == configured
    if isinstance(stated, numbers) and isinstance(configured, numbers):
        with np.errstate(over="ignore"):
            return stated == configured or np.float32(stated) == np.float32(configured)
    return stated == configured
