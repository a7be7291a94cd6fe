"""Masks that contradict themselves, in every way: one message that names file and tensor.

Each way is tried in both families of names, and by every function that reads masks.
"""

import json
import struct

import numpy as np
import pytest

from deadtokens.errors import UserError
from deadtokens.files import masks
from deadtokens.files.trajectory import TrajectoryReader, write_file
from deadtokens.recorded.rows import read_dead_mask
from deadtokens.text.vocabulary import given_dead_mask
from deadtokens.training.masks import load_masks

DEAD = np.array([0, 1, 0, 0, 1, 1], bool)
COUNTS = np.array([3, 0, 1, 7, 0, 0])
FAMILIES = pytest.mark.parametrize(("dead", "live"), masks.FAMILIES)
READERS = {
    "given": lambda path: given_dead_mask(path, COUNTS),
    "training": lambda path: load_masks(path, len(DEAD)).dead_mask,
    "steps": read_dead_mask,
}


def good(dead, live):
    return {
        f"{dead}_mask": DEAD,
        f"{live}_mask": ~DEAD,
        f"{dead}_indices": np.flatnonzero(DEAD),
        f"{live}_indices": np.flatnonzero(~DEAD),
        "token_occurrence_counts": COUNTS,
    }


def flipped(values, at, value):
    changed = values.copy()
    changed[at] = value
    return changed


# Of the names as they are spoken: which tensor is spoiled, and how.
CONTRADICTIONS = {
    "none is dead": ("dead_mask", lambda mask: mask & False),
    "flags of two axes": ("dead_mask", lambda mask: mask[None]),
    "mask of the living, one flag": ("live_mask", lambda mask: flipped(mask, 2, False)),
    "mask of the living is that of the dead": ("live_mask", lambda mask: ~mask),
    "mask of the living, shorter": ("live_mask", lambda mask: mask[:-1]),
    "mask of the living, of halves": ("live_mask", lambda mask: mask * np.float32(0.5)),
    "indices shifted": ("dead_indices", lambda places: places - 1),
    "an index too few": ("dead_indices", lambda places: places[:-1]),
    "an index twice": ("dead_indices", lambda places: np.append(places, places[-1])),
    "indices of floats": ("dead_indices", lambda places: places.astype(np.float64)),
    "indices of the living": ("live_indices", lambda places: places[::-1].copy()),
    "indices of the living, beyond": ("live_indices", lambda places: flipped(places, -1, 99)),
    "counts of a dead token": ("token_occurrence_counts", lambda n: flipped(n, 1, 5)),
    "negative counts": ("token_occurrence_counts", lambda n: flipped(n, 1, -1)),
    "counts of floats": ("token_occurrence_counts", lambda n: n.astype(np.float32)),
    "counts of another vocabulary": ("token_occurrence_counts", lambda n: n[:-1]),
}


@FAMILIES
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_agrees_is_read(tmp_path, dead, live, read):
    write_file(tmp_path / "masks", good(dead, live))
    assert read(tmp_path / "masks").tolist() == DEAD.tolist()


@FAMILIES
@pytest.mark.parametrize("way", CONTRADICTIONS)
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_every_contradiction_is_reported(tmp_path, dead, live, way, read):
    spoken, spoil = CONTRADICTIONS[way]
    tensors = good(dead, live)
    name = {"dead": dead, "live": live}.get(spoken.partition("_")[0], "token")
    name += "_" + spoken.partition("_")[2]
    write_file(tmp_path / "masks", tensors | {name: spoil(tensors[name])})
    with pytest.raises(UserError) as raised:
        read(tmp_path / "masks")
    assert str(tmp_path / "masks") in str(raised.value)
    assert name in str(raised.value)


NO_FLAGS = {
    "a half": (np.float32, 0.5),
    "two": (np.int64, 2),
    "minus one": (np.int8, -1),
    "NaN": (np.float64, np.nan),
    "infinity": (np.float16, np.inf),
    "a hair above one": (np.float64, 1 + 1e-12),
    "255": (np.uint8, 255),
}


@FAMILIES
@pytest.mark.parametrize("kind", NO_FLAGS)
@pytest.mark.parametrize("of_the_living", [False, True])
def test_flags_are_zero_or_one(tmp_path, dead, live, kind, of_the_living):
    dtype, value = NO_FLAGS[kind]
    name, flags = (f"{live}_mask", ~DEAD) if of_the_living else (f"{dead}_mask", DEAD)
    tensors = good(dead, live)
    write_file(tmp_path / "masks", tensors | {name: flags.astype(dtype)})
    assert given_dead_mask(tmp_path / "masks", COUNTS).tolist() == DEAD.tolist()
    write_file(tmp_path / "masks", tensors | {name: flipped(flags.astype(dtype), 4, value)})
    with pytest.raises(UserError, match=rf"{name} has 1 values that are neither 0 nor 1.* at 4;"):
        given_dead_mask(tmp_path / "masks", COUNTS)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_byte_that_is_no_truth_value(tmp_path, read):
    path = tmp_path / "masks"
    write_file(path, good("dead", "live"))
    content, flags = path.read_bytes(), DEAD.tobytes()
    assert content.count(flags) == 1
    path.write_bytes(content.replace(flags, flags[:4] + b"\2" + flags[5:]))
    with pytest.raises(UserError, match="dead_mask has 1 values that are neither 0 nor 1"):
        read(path)


def test_both_families_have_to_agree(tmp_path):
    write_file(tmp_path / "masks", good("dead", "live") | good("untrained", "trained"))
    assert read_dead_mask(tmp_path / "masks").tolist() == DEAD.tolist()
    write_file(tmp_path / "masks", good("dead", "live") | {"untrained_mask": ~DEAD})
    with pytest.raises(UserError, match="untrained_mask contradicts dead_mask at 6 entries"):
        read_dead_mask(tmp_path / "masks")


def test_counts_of_another_text(tmp_path):
    write_file(tmp_path / "masks", good("dead", "live"))
    with pytest.raises(UserError, match="of token 3: 7 there, 8 in the text"):
        given_dead_mask(tmp_path / "masks", flipped(COUNTS, 3, 8))


def test_all_false_is_named_as_what_it_is(tmp_path):
    write_file(tmp_path / "masks", {"dead_mask": DEAD & False})
    with pytest.raises(UserError, match=r"masks: dead_mask marks none of its 6 entries"):
        given_dead_mask(tmp_path / "masks", COUNTS)


def with_foreign(path, name, dtype, size):
    """The file with one more tensor of a dtype that numpy has not."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    header[name] = {"dtype": dtype, "shape": [3], "data_offsets": [len(data), len(data) + size]}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data + bytes(size))


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 6), ("F8_E4M3", 3), ("F8_E5M2", 3)])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_tensors_that_nobody_asks_for_may_be_of_any_dtype(tmp_path, dtype, size, read):
    write_file(tmp_path / "masks", good("dead", "live"))
    with_foreign(tmp_path / "masks", "extra", dtype, size)
    assert read(tmp_path / "masks").tolist() == DEAD.tolist()
    if dtype != "BF16":
        with (
            TrajectoryReader(tmp_path / "masks") as file,
            pytest.raises(UserError, match=f"extra is {dtype}, which cannot be read here"),
        ):
            file.read("extra")


def test_a_wanted_mask_of_such_a_dtype_is_reported(tmp_path):
    write_file(tmp_path / "masks", {"dead_indices": np.flatnonzero(DEAD)})
    with_foreign(tmp_path / "masks", "dead_mask", "F8_E4M3", 3)
    for read in READERS.values():
        with pytest.raises(UserError, match="masks: dead_mask is F8_E4M3, which cannot be read"):
            read(tmp_path / "masks")
