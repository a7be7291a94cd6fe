"""What a run is: every setting of its training, by name and type, checked once.

Bounds and defaults belong to the configuration's schema; here a missing, unknown or mistyped key
stops a run that was started by hand.
"""

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Self, get_args, get_origin

from deadtokens.errors import UserError

# These change no byte of the trajectory: work in progress survives a change of them.
WITHOUT_EFFECT_ON_BITS = ("experiment", "series", "notes", "checkpoint_seconds")


COUNTS = (
    *("vocab_size", "hidden_dim", "num_layers", "num_heads", "seq_len", "target_offset"),
    *("batch_size", "total_steps", "threads", "schedule_steps"),
    "chunk_rows",
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
    precision: str  # models.PRECISIONS; of the weights that the model computes with, of gradients
    autocast: bool
    head: str  # head.HEADS
    matmul_backend: str  # matmul.BACKENDS, or auto
    init_std: float
    random_seed: int
    rows: str  # recording.ROWS
    record: list[str]  # recording.RECORDABLE
    motion_threshold: float  # |ΔW′|₂ from which on a token counts as moving
    threads: int  # of computation; the bits depend on it (docs/numerics.md, 5)
    device: str  # machine.DEVICES, or auto
    # What only some runs need has a default here.
    state_precision: str = "bfloat16"  # adamw.STATES
    second_moment_precision: str | None = None  # of v alone; none: as state_precision
    weight_precision: str = "bfloat16"  # weights.WEIGHTS
    init: str = "normal"  # models.INITS; of W alone
    init_spread: float = 0.0  # with init point: standard deviation of rows around it
    tied_embeddings: bool = True  # whether W embeds the tokens that it predicts
    checkpoint_seconds: float = 60  # most work that a kill can cost
    schedule: str = "constant"  # schedules.SCHEDULES
    schedule_steps: int | None = None  # steps that the schedule is made for; none: total_steps
    clip_norm: float | None = None  # longest gradient, of all parameters together; none: any
    resume_run: str | None = None  # the run whose checkpoint this one begins from
    resume_step: int | None = None  # the step of that checkpoint
    restore: list[str] = field(default_factory=list)  # origin.PARTS taken from it
    save_checkpoint_at: list[int] = field(default_factory=list)  # steps, as outputs of their own
    naming: str = "crucible"  # naming.NAMINGS
    storage: str = "safetensors"  # storage.SUFFIX
    chunk_rows: int = 1600  # steps in a chunk, with storage hdf5
    compression: str = "none"  # storage.COMPRESSIONS
    last_motion: bool = True  # whether last_motion_step is followed and recorded
    statistics: list[str] = field(  # metadata.STATISTICS
        default_factory=lambda: ["global_last_motion", "tokens_still_moving"]
    )

    @classmethod
    def required(cls) -> tuple[str, ...]:
        """The keys that every run must give."""
        without = (MISSING, MISSING)
        return tuple(f.name for f in fields(cls) if (f.default, f.default_factory) == without)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Settings from a JSON object; UserError on a missing, unknown or mistyped key."""
        types = {f.name: f.type for f in fields(cls)}
        for key in values:
            if key not in types:
                raise UserError(f"settings: unknown key {key!r}{_nearest(key, types)}.")
        missing = [key for key in cls.required() if key not in values]
        if missing:
            raise UserError(f"settings: missing {', '.join(missing)}. Give these keys too.")
        for key, value in values.items():
            _check_type(key, value, types[key])
        settings = cls(**values)
        settings.check()
        return settings

    def deciding_bits(self) -> dict[str, Any]:
        """The settings that a checkpoint must share with the run that resumes from it."""
        return {k: v for k, v in asdict(self).items() if k not in WITHOUT_EFFECT_ON_BITS}

    def check(self) -> None:
        """UserError on values that contradict one another or cannot be."""
        for key in COUNTS:
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"{key}: {value}, expected 1 or more.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UserError(f"clip_norm: {self.clip_norm}, expected more than 0, or null for none.")
        if self.hidden_dim % self.num_heads:
            raise UserError(
                f"hidden_dim: {self.hidden_dim} cannot be shared among num_heads: "
                f"{self.num_heads} heads. Choose a multiple."
            )
        if self.target_offset >= self.seq_len:
            raise UserError(
                f"target_offset: {self.target_offset}, expected less than seq_len: {self.seq_len}."
            )
        if len({self.resume_run is None, self.resume_step is None, not self.restore}) > 1:
            raise UserError(
                f"resume_run: {self.resume_run!r}, resume_step: {self.resume_step!r}, restore: "
                f"{self.restore}: give all three, or none (null, null, [])."
            )
        steps = self.save_checkpoint_at
        if steps != sorted({s for s in steps if 1 <= s <= self.total_steps}):
            raise UserError(
                f"save_checkpoint_at: {steps}, expected ascending steps from 1 to total_steps: "
                f"{self.total_steps}."
            )


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
    if not _fits(value, expected):
        found = type(value).__name__
        raise UserError(f"settings: {key}: {value!r} is {found}, expected {_described(expected)}.")


def _fits(value: Any, expected: Any) -> bool:
    if get_origin(expected) is list:
        return isinstance(value, list) and all(_fits(v, get_args(expected)[0]) for v in value)
    if get_origin(expected) is UnionType:
        return any(_fits(value, kind) for kind in get_args(expected))
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is expected


def _described(expected: Any) -> str:
    if get_origin(expected) is list:
        return f"list of {_described(get_args(expected)[0])}"
    if get_origin(expected) is UnionType:
        return " or ".join(map(_described, get_args(expected)))
    return "null" if expected is NoneType else expected.__name__
