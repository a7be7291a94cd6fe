"""`open_run`: a recorded run, finished and closed, as one object of arrays and tables.

    import deadtokens
    with deadtokens.open_run("results/crucible2") as run:
        run.W[100]        # float32 (N, D), from bfloat16 bits; nothing else is read
        run.tokens        # a DataFrame, a row for each row of W
        run.phases        # results/crucible2/phases.csv
        run.plot("ก")     # a matplotlib Figure

Nothing is ever written.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from deadtokens.errors import UserError
from deadtokens.files import in_the_making
from deadtokens.files import masks as mask_files
from deadtokens.files.access import Reader
from deadtokens.files.storage import open_reader
from deadtokens.notebook.places import trajectory_of
from deadtokens.notebook.quantities import CHUNK_BYTES, MADE_IN_A_STEP, Quantity
from deadtokens.notebook.results import Results
from deadtokens.recorded import series
from deadtokens.recorded.naming import SERIES
from deadtokens.recorded.rows import TokenRows, read_dead_mask

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# What the configuration says unless stated otherwise: `causes.still_for`, and of a run
# `motion_threshold`.
STILL_FOR = 100
MOTION_THRESHOLD = 0.1
QUANTITIES = tuple(SERIES["crucible"])


def open_run(
    path: str | Path,
    masks: str | Path | np.ndarray | None = None,
    tokenizer: str | Path | None = None,
    still_for: int = STILL_FOR,
    motion_threshold: float | None = None,
) -> "Run":
    """A run by its results folder, `results/RUN`, or by a trajectory file of any series.

    masks: which tokens are dead, a masks file or flags (V,) bool; needed where neither the file nor
    the folder says so, as with Wordybird's published files. tokenizer: tokenizer.json, for the text
    of tokens; in a results folder it is found. still_for, motion_threshold: `Run.tokens`.
    UserError if there is no complete trajectory.
    """
    trajectory = trajectory_of(Path(path))
    folder = trajectory.parent if trajectory.stem == in_the_making.STEM else None
    return Run(trajectory, folder, masks, tokenizer, still_for, motion_threshold)


class Run:
    """A finished run, read-only; memory for what is asked for. A context manager.

    Attributes: the recorded quantities W, m, v, g, delta_W_prime, centroid, h_mean, p_mean, logits
    and loss (`Quantity`, by step), and every file of the results folder by its name without ending
    (`phases`, `freezing_live`; `file("phases.json")` where several differ in the ending alone).
    """

    def __init__(
        self,
        trajectory: Path,
        folder: Path | None,
        masks: str | Path | np.ndarray | None,
        tokenizer: str | Path | None,
        still_for: int,
        motion_threshold: float | None,
    ):
        self.path, self._given_masks, self._given_tokenizer = trajectory, masks, tokenizer
        self.results = Results(folder)
        self._file: Reader | None = open_reader(trajectory)
        try:
            found = series.naming_of(self._file)
            self.naming = str(self.settings.get("naming", found))
            if self.naming not in SERIES:
                raise UserError(
                    f"{trajectory.with_name('metadata.json')}: naming is {self.naming!r}, expected "
                    f"one of {', '.join(SERIES)}: it is of another version. Train the run again."
                )
            self.recorded = series.held(self._file, self.naming)
        except BaseException:
            self.close()
            raise
        self.still_for = still_for
        threshold = self.settings.get("motion_threshold", MOTION_THRESHOLD)
        self.motion_threshold = float(motion_threshold or threshold)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the run was: the settings in metadata.json, else what the trajectory itself says."""
        if "metadata.json" in self.results:
            said = self.results.document("metadata.json")
            made_with = said.get("provenance")
            settings = made_with.get("settings") if isinstance(made_with, dict) else None
            return settings if isinstance(settings, dict) else said
        reader = self._reader()
        scalars = {
            name: reader.read(name).item()
            for name, (dtype, shape) in reader.fields.items()
            if shape == () and dtype != "BF16"
        }
        return {**getattr(reader, "attributes", {}), **scalars}

    @property
    def steps(self) -> int:
        """How many training steps the run has."""
        return next(iter(self._quantities.values())).steps.stop - 1

    @property
    def dead(self) -> np.ndarray:
        """The rows of dead tokens, (n,) int64: `run.W[100, run.dead]`."""
        return np.flatnonzero(self._dead_mask[self._rows.token_ids])

    @property
    def live(self) -> np.ndarray:
        """The rows of live tokens; UserError if only those of dead ones are recorded."""
        if self._rows.recorded == "dead":
            raise UserError(
                f"{self.path}: the rows of dead tokens alone are recorded. Those of live ones take "
                "a run with rows: all."
            )
        return np.flatnonzero(~self._dead_mask[self._rows.token_ids])

    @cached_property
    def tokens(self) -> "pd.DataFrame":
        """A row per recorded token, in the order of the rows of W.

        Columns: token_id, token (its text), script, dead, last_motion_step (−1: never moved),
        steps_still, and state: frozen if it was still for the last `still_for` steps, else
        censored. What is not known is missing. Where nothing has measured motion yet, all of W is
        read once.
        """
        from deadtokens.notebook import tokens

        ids = self._rows.token_ids
        texts, scripts = self._texts or (np.full(len(self._dead_mask), None),) * 2
        found = tokens.table(
            ids,
            [texts[number] for number in ids],
            [scripts[number] for number in ids],
            self._dead_mask[ids],
            self._last_motion(),
            self.steps,
            self.still_for,
        )
        found.attrs = {"motion_threshold": self.motion_threshold, "still_for": self.still_for}
        return found

    def row(self, token: str | int) -> int:
        """The row of a token, by its text or its id; UserError if there is none or several."""
        from deadtokens.notebook import tokens

        ids = self._rows.token_ids
        if isinstance(token, str):
            if self._texts is None:
                raise UserError(
                    f"{token!r}: the text of tokens is not known here. Give the id of the token, "
                    'or open the run with tokenizer="…/tokenizer.json".'
                )
            token = tokens.id_of_text(token, self._texts[0], ids)
        return tokens.row_of_id(int(token), ids, self._dead_mask)

    def plot(self, token: str | int, width_mm: float = 180) -> "Figure":
        """A token's motion at every step on both scales, with the phases.

        UserError unless the run records W. The phases are those of phases.json if that is there,
        else the published ones.
        """
        from deadtokens import displacement
        from deadtokens.notebook import token_figure

        row = self.row(token)
        weights = self.W.bits[:, row]  # (T+1, D)
        moved = displacement.norms(weights[:-1], weights[1:])
        scheme = self.results.document("phases.json", token_figure.SCHEME)
        number = int(self._rows.token_ids[row])
        about = {"token_id": number, "dead": bool(self._dead_mask[number])}
        if self._texts is not None:
            about |= {"token": self._texts[0][number], "script": self._texts[1][number]}
        return token_figure.draw(moved, about, scheme, width_mm)

    def file(self, name: str):
        """A file of the results folder: DataFrame of .csv, dictionary of .json, else its arrays."""
        return self.results.open(name)

    def close(self) -> None:
        """Close all files; a second call does nothing."""
        self.results.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def __len__(self) -> int:
        return self.steps

    def __getattr__(self, name: str):
        if name.startswith("_") or "_file" not in self.__dict__:
            raise AttributeError(name)
        if name in self._quantities:
            return self._quantities[name]
        if name in QUANTITIES:
            raise NotRecorded(self._why_not_recorded(name))
        if self.results.knows(name):
            return self.results.named(name)
        files = ", ".join(self.results.names) or "no files"
        raise AttributeError(
            f"{self.path}: no quantity and no file {name!r}; recorded are "
            f"{', '.join(self.recorded)}, and there are {files}."
        )

    def __dir__(self) -> list[str]:
        files = {Path(name).stem for name in self.results.names}
        return sorted({*super().__dir__(), *self.recorded, *files})

    def __repr__(self) -> str:
        if self._file is None:
            return f"{self.path} (closed)"
        about = ", ".join(
            str(self.settings[k]) for k in ("experiment", "run") if k in self.settings
        )
        lines = [
            f"{about or self.path.name}: {self.steps:,} steps, series {self.naming}, {self.path}"
        ]
        lines += [f"  {quantity!r}" for quantity in self._quantities.values()]
        files = ", ".join(self.results.names)
        return "\n".join([*lines, f"  files: {files}"] if files else lines)

    @cached_property
    def _quantities(self) -> Mapping[str, Quantity]:
        return {
            name: Quantity(
                name, self._reader, SERIES[self.naming][name], int(name in MADE_IN_A_STEP)
            )
            for name in self.recorded
        }

    def _reader(self) -> Reader:
        if self._file is None:
            raise UserError(f"{self.path}: this run was closed. Open it again: open_run.")
        return self._file

    @cached_property
    def _corpus(self) -> Path | None:
        """The folder of the run's corpus, beside that of the run; None if that is not known."""
        name = self.settings.get("corpus")
        if self.results.folder is None or not isinstance(name, str):
            return None
        return self.results.folder.parent / "corpora" / name

    @cached_property
    def _dead_mask(self) -> np.ndarray:
        """(V,) bool."""
        if isinstance(self._given_masks, str | Path):
            return read_dead_mask(Path(self._given_masks))
        if self._given_masks is not None:
            return np.asarray(self._given_masks, bool)
        if mask_files.mask_name(self._reader()) is not None:
            return mask_files.read_dead(self._reader(), numbers_too=True)
        if self._corpus is not None and (self._corpus / "masks.safetensors").is_file():
            return read_dead_mask(self._corpus / "masks.safetensors")
        raise UserError(
            f"{self.path}: the file does not say which tokens are dead. Give its masks: "
            f'open_run("{self.path}", masks="…/masks.safetensors"); of a run of this project, '
            "results/corpora/CORPUS/masks.safetensors."
        )

    @cached_property
    def _rows(self) -> TokenRows:
        recorded = TokenRows(self._reader(), self.naming, self._dead_mask, "dead").recorded
        return TokenRows(self._reader(), self.naming, self._dead_mask, recorded)

    @cached_property
    def _texts(self) -> tuple[list[str], list[str]] | None:
        """Text and script of every entry of the vocabulary; None if no tokenizer is known."""
        from deadtokens.text import readable, vocabulary

        given = self._given_tokenizer
        path = Path(given) if given else self._corpus and self._corpus / "tokenizer.json"
        if path is None or not (given or path.is_file()):
            return None
        found = vocabulary.load_tokenizer(path, vocab_size=len(self._dead_mask))
        return readable.describe(found, range(len(self._dead_mask)))

    def _last_motion(self) -> np.ndarray | None:
        """(n,) int64, from what has measured it already, else from W; None if that is not there."""
        from deadtokens import displacement
        from deadtokens.freezing import freezing
        from deadtokens.notebook import tokens

        reader = self._reader()
        of_run = self.settings.get("motion_threshold", MOTION_THRESHOLD) == self.motion_threshold
        if "last_motion_step" in reader.fields and of_run:
            return reader.read("last_motion_step").astype(np.int64)
        population = "" if self._rows.recorded == "dead" else "_all"
        measured = f"displacement{population}.safetensors"
        if measured in self.results:
            moved = self.results.reader(measured)
            moved.expect(displacement.patterns("l2", "token_ids"))
            if np.array_equal(moved.read("token_ids"), self._rows.token_ids):
                chunks = moved.chunks("l2", CHUNK_BYTES)
                return freezing.last_motion(chunks, self.motion_threshold)
        if "W" not in self.recorded:
            return None
        weights = self._rows.chunks("W", CHUNK_BYTES, overlap=1)
        return tokens.last_motion(weights, self.motion_threshold)

    def _why_not_recorded(self, name: str) -> str:
        listed = ", ".join(quantity for quantity in self.recorded if quantity != "loss")
        run = self.settings.get("run", "RUN")
        return (
            f"{self.path}: this run does not record {name}; its record is [{listed}]. Add {name} "
            f"to runs.{run}.record in the configuration and train it again, or open another run."
        )


class NotRecorded(UserError, AttributeError):
    """A quantity that the run does not hold; an AttributeError too, as `results.NotMade` is."""
