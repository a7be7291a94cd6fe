"""What a run is: every setting of its training, by name and type, checked once.

Bounds and defaults belong to the configuration's schema; here a missing, unknown or mistyped key
stops a run that was started by hand.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from deadtokens.errors import UserError

# These change no byte of the trajectory: work in progress survives a change of them.
WITHOUT_EFFECT_ON_BITS = ("experiment", "series", "notes", "checkpoint_seconds")


COUNTS = (
    *("vocab_size", "hidden_dim", "num_layers", "num_heads", "seq_len", "target_offset"),
    *("batch_size", "total_steps", "threads"),
)


@dataclass(frozen=True)
class RunSettings:
    """One run as data; a comment names the table in which a name is looked up."""

    run: str
    experiment: str  # the next three are for the reader of metadata.json
    series: str
    notes: str
    corpus: str
    model: str  # models.MODELS
    vocab_size: int
    hidden_dim: int
    num_layers: int
    num_heads: int
    examples: str  # batches.EXAMPLES
    seq_len: int
    target_offset: int  # the token at position i predicts the one at i + target_offset
    batch_size: int
    total_steps: int
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    adamw: str  # adamw.ADAMW
    precision: str  # models.PRECISIONS
    autocast: bool
    head: str  # head.HEADS
    init_std: float
    random_seed: int
    rows: str  # recording.ROWS
    record: list[str]  # recording.RECORDABLE
    motion_threshold: float  # |ΔW′|₂ from which on a token counts as moving
    threads: int  # of computation; the bits depend on it (docs/numerics.md, 5)
    device: str
    checkpoint_seconds: float  # most work that a kill can cost

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The keys of a run."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Settings from a JSON object; UserError on a missing, unknown or mistyped key."""
        types = {field.name: field.type for field in fields(cls)}
        for key in values:
            if key not in types:
                raise UserError(f"settings: unknown key {key!r}{_nearest(key, types)}.")
        missing = [key for key in types if key not in values]
        if missing:
            raise UserError(f"settings: missing {', '.join(missing)}. Give every key of a run.")
        for key, value in values.items():
            _check_type(key, value, types[key])
        settings = cls(**values)
        settings._check_consistency()
        return settings

    def deciding_bits(self) -> dict[str, Any]:
        """The settings that a checkpoint must share with the run that goes on from it."""
        return {k: v for k, v in asdict(self).items() if k not in WITHOUT_EFFECT_ON_BITS}

    def _check_consistency(self) -> None:
        for key in COUNTS:
            if getattr(self, key) < 1:
                raise UserError(f"{key}: {getattr(self, key)}, expected 1 or more.")
        if self.hidden_dim % self.num_heads:
            raise UserError(
                f"hidden_dim: {self.hidden_dim} cannot be shared among num_heads: "
                f"{self.num_heads} heads. Choose a multiple."
            )
        if self.target_offset >= self.seq_len:
            raise UserError(
                f"target_offset: {self.target_offset}, expected less than seq_len: {self.seq_len}."
            )
        if self.device != "cpu":
            raise UserError(f"device: {self.device!r} is not supported; expected 'cpu'.")


def choice(key: str, name: str, table: Mapping[str, Any]) -> Any:
    """The entry of a table of choices; UserError with the names there are."""
    if name not in table:
        raise UserError(
            f"{key}: unknown name {name!r}{_nearest(name, table)}; expected one of "
            f"{', '.join(table)}."
        )
    return table[name]


def _nearest(name: str, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" (is {near[0]!r} meant?)" if near else ""


def _check_type(key: str, value: Any, expected: Any) -> None:
    if expected == list[str]:
        fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    elif expected is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = type(value) is expected
    if not fits:
        name = getattr(expected, "__name__", expected) if expected != list[str] else "list of str"
        raise UserError(f"settings: {key}: {value!r} is {type(value).__name__}, expected {name}.")
