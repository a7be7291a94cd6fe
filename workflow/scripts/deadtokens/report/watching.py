"""Watching a run from its results folder: each page measures a few steps and remembers the rest."""

import time
from pathlib import Path

import pandas as pd

from deadtokens.phases import phases, so_far
from deadtokens.phases.phases import Scheme
from deadtokens.recorded import progress
from deadtokens.recorded.progress import Progress
from deadtokens.report import terminal

POINTS = 48  # steps on a page: so many letters stand in a terminal's line beside the names
FINER = 8  # times as many are chosen from all steps of a run, so that its beginning has some, too
AT_ONCE = 4  # of them measured for each page after the first: what it may cost beside a training
IDLE_SECONDS = 60  # without a step; longer, and a page asks whether the run is still alive
TITLES = {"element": "element scale", "vector": "vector scale"}


class Watch:
    """One run, looked at again and again; nothing stays open in between."""

    def __init__(
        self,
        folder: Path,
        scratch: Path | None,
        mask_file: Path | None,
        scheme: Scheme,
        motion_threshold: float,
    ):
        self._where = folder, scratch, mask_file
        self._scheme, self._threshold = scheme, motion_threshold
        self._shares: dict[int, dict[str, float]] = {}  # by step
        self._began: tuple[float, int] | None = None  # when, and at which step

    def page(self) -> tuple[str, bool]:
        """What there is to see now, and whether the run is finished."""
        with progress.look(*self._where) as seen:
            steps = so_far.thinned(so_far.grid(seen.total, FINER * POINTS), seen.last, POINTS)
            if seen.rows is not None:
                self._measure(seen, steps, AT_ONCE if self._shares else POINTS)
            shown = sorted({*steps, max(seen.last, 0)})
            loss = pd.Series(seen.loss[shown], index=shown)
            scales = {
                TITLES[scale]: {p: phases.column(scale, p) for p in self._scheme.phases}
                for scale in so_far.SCALES
            }
            shares = self._table(shown) if self._shares else pd.DataFrame()
            page = terminal.page(self._head(seen), loss, shares, scales, seen.population)
            return page, seen.is_finished

    def _measure(self, seen: Progress, steps: list[int], at_once: int) -> None:
        for step in so_far.due(steps, self._shares, seen.last, at_once):
            if (rows := seen.rows.of_step(step)) is not None:
                measured = so_far.measure(*rows, self._scheme, self._threshold)
                self._shares[step] = measured

    def _table(self, shown: list[int]) -> pd.DataFrame:
        found = pd.DataFrame.from_dict(self._shares, orient="index").sort_index()
        return found.reindex([step for step in shown if step >= 1])

    def _head(self, seen: Progress) -> str:
        name = self._where[0].resolve().name
        if seen.is_finished:
            return f"{name}: no run is in the making; the finished one, of {seen.total:,} steps"
        of = "" if seen.population == "dead" else "; of all tokens, without --masks"
        nothing = "" if seen.rows is not None else "; rows can be read when it is finished"
        safe = f"{seen.on_disk:,}" if seen.on_disk >= 0 else "none"
        idle = f"{seen.idle_seconds / 60:.0f} min"
        quiet = seen.idle_seconds > IDLE_SECONDS
        alive = f"; nothing was written for {idle}: was the run ended?" if quiet else ""
        return (
            f"{name}: step {max(seen.last, 0):,} of {seen.total:,}, safe on the disk: {safe}"
            f"{self._pace(seen)}{of}{nothing}{alive}"
        )

    def _pace(self, seen: Progress) -> str:
        now = time.monotonic()
        self._began = self._began or (now, seen.last)
        seconds, done = now - self._began[0], seen.last - self._began[1]
        if done <= 0 or seconds <= 0:
            return ""
        left = (seen.total - seen.last) * seconds / done
        return f", {done / seconds:.2g} steps a second, {left / 60:.0f} min left"
