"""Drift: how the clouds of live and of dead tokens move apart, and along which direction.

Definitions: docs/physics.md. State t = 0..T is W[t]; h[t], t = 0..T-1, is the mean hidden state of
the batch under W[t], of the step from t to t+1. What concerns that step stands in row t.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens import gauge, lattice
from deadtokens.drift.persistence import angle, cosine
from deadtokens.errors import UserError
from deadtokens.gauge import AS_STORED, READINGS, RELATIVE

Chunks = Iterable[tuple[int, np.ndarray]]  # (first t, (k, V, D) bit patterns of W)

# What is needed of a trajectory; that the shapes are those of one run, `check` ensures.
PATTERNS = {
    "W": (("U16", "BF16"), ("states", "tokens", "elements")),
    "h_mean": ("F32", ("steps", "elements of h_mean")),
    "loss": ("F32", ("states",)),
}
CLOUDS = ("live", "dead")
ALL = "all"  # the rows of both: their mean is what `relative` is relative to
SPHERES = {"bounding_sphere": "max_radius", "mean_sphere": "mean_radius"}
OF_ROWS = (
    *("mean_radius", "max_radius", "rms_radius", "nearer_own"),
    *(f"row_cosine_with_h_{reading}" for reading in READINGS),
)
FEWEST_STEPS = 2  # for one pair of hidden states
DIVERGED = "the run diverged. Train it with a smaller learning_rate."


@dataclass(frozen=True)
class Clouds:
    """What one pass over a trajectory leaves; READINGS are those of `gauge`."""

    centroids: dict[str, np.ndarray]  # of CLOUDS and ALL, as stored: (T+1, D) float64
    columns: dict[str, np.ndarray]  # (T+1,) each, see `measure`
    net: np.ndarray  # (V, D) float64: W[T] - W[0], as stored
    path: dict[str, np.ndarray]  # by reading, (V,) float64: the sum of |W[t+1] - W[t]|₂

    def centroid(self, cloud: str, reading: str) -> np.ndarray:
        """Where the mean of a cloud is in a reading: (T+1, D) float64."""
        return self.centroids[cloud] - (self.centroids[ALL] if reading == RELATIVE else 0)

    def net_of_tokens(self, reading: str) -> np.ndarray:
        """How far each token came in a reading: (V, D) float64."""
        origin = self.centroids[ALL]
        return self.net - (origin[-1] - origin[0] if reading == RELATIVE else 0)


def check(weights: tuple, hidden: tuple, dead_mask: np.ndarray, vocab_size: int) -> None:
    """UserError unless shapes and mask are those of a run of all rows with h_mean, of `vocab_size`.

    weights (T+1, V, D), hidden (T, D): shapes; dead_mask (V,) bool.
    """
    if len(weights) != 3 or dead_mask.shape != weights[1:2]:
        raise UserError(
            f"W is {weights}, but dead_mask is {dead_mask.shape}: drift compares live and dead "
            "tokens and needs every row of W. Give a run with `rows: all`."
        )
    if hidden != (weights[0] - 1, weights[2]):
        raise UserError(
            f"W is {weights}, but h_mean is {hidden}, not {(weights[0] - 1, weights[2])}: these "
            "are not of one run. Make the trajectory again."
        )
    if weights[0] - 1 < FEWEST_STEPS:
        raise UserError(
            f"the run has {weights[0] - 1} steps; drift needs {FEWEST_STEPS} at least, to compare "
            "one h_mean with the next. Give a run with more total_steps."
        )
    if weights[1] > vocab_size:
        raise UserError(
            f"W has {weights[1]} rows, but the tokenizer {vocab_size} entries: give the tokenizer "
            "of the run's corpus."
        )
    dead = int(dead_mask.sum())
    for kind, number in (("live", len(dead_mask) - dead), ("dead", dead)):
        if number == 0:
            raise UserError(
                f"not one of {len(dead_mask)} tokens is {kind}: there are no two clouds to "
                "compare. Give a run whose corpus uses some of its vocabulary, not all or none."
            )


def measure(chunks: Chunks, hidden: np.ndarray, dead_mask: np.ndarray) -> Clouds:
    """One pass over W. hidden (T, D), dead_mask (V,) bool.

    Columns, of each cloud: `mean_radius`, `max_radius`, `rms_radius`, distances of its rows from
    their centroid; `nearer_own`, the share of rows nearer to their own cloud's centroid than to the
    other's; in each reading `row_cosine_with_h`, the mean over rows of the cosine with h[t] (NaN at
    T).

    UserError if the run diverged.
    """
    if not np.isfinite(hidden).all():
        row = int(np.argmin(np.isfinite(hidden).all(axis=1)))
        raise UserError(f"h_mean of row {row} is not finite: {DIVERGED}")
    members = {"live": np.flatnonzero(~dead_mask), "dead": np.flatnonzero(dead_mask)}
    shape = len(hidden) + 1, hidden.shape[1]
    centroids = {cloud: np.full(shape, np.nan) for cloud in (*CLOUDS, ALL)}
    columns = {f"{cloud}_{name}": np.full(shape[0], np.nan) for cloud in CLOUDS for name in OF_ROWS}
    first = previous = None
    path = {reading: np.zeros(len(dead_mask)) for reading in READINGS}
    for t, rows in _states(chunks):  # (V, D)
        centroids[ALL][t] = gauge.mean(rows)
        for cloud in CLOUDS:
            centroids[cloud][t] = gauge.mean(rows[members[cloud]])
        if not all(np.isfinite(centroid[t]).all() for centroid in centroids.values()):
            raise UserError(f"W[{t}] holds values that are not finite: {DIVERGED}")
        if previous is None:
            first = rows
        else:
            of_mean = centroids[ALL][t] - centroids[ALL][t - 1]
            for reading, moved in gauge.readings(rows - previous, of_mean).items():
                path[reading] += np.linalg.norm(moved, axis=1)
        previous = rows
        at_t = {cloud: centroid[t] for cloud, centroid in centroids.items()}
        for cloud in CLOUDS:
            of_cloud = rows[members[cloud]]
            found = _of_radii(of_cloud, at_t, cloud)
            if t < len(hidden):
                found |= {
                    f"row_cosine_with_h_{reading}": _mean(cosine(x, hidden[t]))
                    for reading, x in gauge.readings(of_cloud, at_t[ALL]).items()
                }
            for name, value in found.items():
                columns[f"{cloud}_{name}"][t] = value
    return Clouds(centroids, columns, previous - first, path)


def _of_radii(rows: np.ndarray, centroids: dict[str, np.ndarray], cloud: str) -> dict[str, float]:
    """Of differences of rows of one state, the same in both readings. rows (n, D) of the cloud."""
    squares = ((rows - centroids[cloud]) ** 2).sum(axis=1)
    radii = np.sqrt(squares)
    own, other = (centroids[name] for name in (cloud, *(c for c in CLOUDS if c != cloud)))
    beyond_middle = (rows - (own + other) / 2) @ (own - other)
    return {
        "mean_radius": radii.mean(),
        "max_radius": radii.max(),
        "rms_radius": np.sqrt(squares.mean()),
        "nearer_own": (beyond_middle > 0).mean(),
    }


def table(clouds: Clouds, hidden: np.ndarray, loss: np.ndarray) -> pd.DataFrame:
    """A row per state, t = 0..T; NaN where there is no such step.

    Distances in units of W, angles in degrees. What depends on the gauge ends in its reading, and
    `all_*` is of the mean of all rows, which has no relative reading. `angle_h_separation`: between
    h and the way from the dead to the live centroid; `*_step_cosine_with_h_*`: between h[t] and the
    motion of the centroid from t to t+1. `angle_live_dead` relative would be 180 by definition.
    hidden (T, D), loss (T+1,), of the step that led to t.
    """
    live, dead = (clouds.centroids[cloud] for cloud in CLOUDS)
    apart = live - dead
    columns = {
        "step": np.arange(len(live)),
        "loss": loss,
        "h_norm": _padded(np.linalg.norm(hidden.astype(np.float64), axis=1)),
        "h_cosine_with_next": _padded(cosine(hidden[:-1], hidden[1:]), 2),
        "h_cosine_with_first": _padded(cosine(hidden, hidden[:1])),
        "h_cosine_with_last": _padded(cosine(hidden, hidden[-1:])),
        "separation": np.linalg.norm(apart, axis=1),
        "angle_live_dead_as_stored": angle(live, dead),
        "angle_h_separation": _padded(angle(hidden, apart[:-1])),
    }
    for cloud in (*CLOUDS, ALL):
        for reading in READINGS if cloud in CLOUDS else (AS_STORED,):
            columns |= _way(clouds.centroid(cloud, reading), hidden, cloud, reading)
    return pd.DataFrame(columns | clouds.columns)


def _way(
    centroid: np.ndarray, hidden: np.ndarray, cloud: str, reading: str
) -> dict[str, np.ndarray]:
    """The columns of the way of a centroid (T+1, D) in one reading."""
    columns = {
        "centroid_norm": np.linalg.norm(centroid, axis=1),
        "centroid_displacement": np.linalg.norm(centroid - centroid[0], axis=1),
        "step_cosine_with_h": _padded(cosine(np.diff(centroid, axis=0), hidden)),
    }
    columns = {f"{cloud}_{name}_{reading}": column for name, column in columns.items()}
    return columns | {f"angle_h_{cloud}_{reading}": _padded(angle(hidden, centroid[:-1]))}


def summary(
    clouds: Clouds, table: pd.DataFrame, hidden: np.ndarray, dead_mask: np.ndarray
) -> dict[str, object]:
    """Both clouds, their separation, and their motion against h, as a JSON object.

    What depends on the gauge stands under its reading, `as_stored` or `relative`.
    `by_chance_at_start`: the separation to expect of two samples of one cloud, of these sizes and
    spreads. `displacements_cosine`: between the displacements of both centroids over the run, −1 if
    they drift in opposite directions (and so by definition if they are relative).
    `growth_cosine_with_mean_h`: between the change of the way from the dead to the live centroid
    and the mean of h over time.
    """
    columns = {name: column.to_numpy() for name, column in table.items()}
    members = {"live": ~dead_mask, "dead": dead_mask}
    mean_hidden = hidden.astype(np.float64).mean(axis=0)
    return {
        "steps": len(hidden),
        "tokens": len(dead_mask),
        "final_loss": float(columns["loss"][-1]),
        **{f"{cloud}_tokens": int(members[cloud].sum()) for cloud in CLOUDS},
        "separation": _separation(clouds, columns, members, mean_hidden),
        "mean_of_all_rows": {AS_STORED: _centroid(clouds, columns, ALL, AS_STORED, mean_hidden)},
        "clouds": {
            cloud: _cloud(clouds, columns, cloud, members[cloud], mean_hidden) for cloud in CLOUDS
        },
    }


def _separation(
    clouds: Clouds,
    columns: dict[str, np.ndarray],
    members: dict[str, np.ndarray],
    mean_hidden: np.ndarray,
) -> dict[str, object]:
    live, dead = (clouds.centroids[cloud] for cloud in CLOUDS)
    separation = columns["separation"]
    radii = {
        name: columns[f"live_{name}"] + columns[f"dead_{name}"]
        for name in ("max_radius", "mean_radius")
    }
    variance = sum(
        columns[f"{cloud}_rms_radius"][0] ** 2 / members[cloud].sum() for cloud in CLOUDS
    )
    return {
        **_ends(separation),
        "end_over_start": float(separation[-1] / separation[0]) if separation[0] else None,
        "by_chance_at_start": float(np.sqrt(variance)),
        "largest": float(separation.max()),
        "largest_at": int(separation.argmax()),
        "over_sum_of_mean_radii": _ends(separation / radii["mean_radius"]),
        "bounding_spheres_apart_for_good_since": crossings(separation, radii["max_radius"])[
            "outside_for_good_since"
        ],
        "growth_cosine_with_mean_h": float(
            cosine((live - dead)[-1] - (live - dead)[0], mean_hidden)
        ),
        "angle_with_h": _over_time(columns["angle_h_separation"]),
        AS_STORED: {
            "angle_of_centroids": _ends(columns["angle_live_dead_as_stored"]),
            "displacements_cosine": float(cosine(live[-1] - live[0], dead[-1] - dead[0])),
        },
    }


def crossings(distance: np.ndarray, radius: np.ndarray) -> dict[str, bool | int | None]:
    """When a point leaves a sphere: distance from its centre and radius by state, (T+1,) each.

    On the sphere is inside. `left`: the first state outside; `returns`: how often it is inside
    again right after outside, `first_return` when; `outside_for_good_since`: the first state of
    those to the end that are all outside.
    """
    outside = distance > radius
    back = np.flatnonzero(outside[:-1] & ~outside[1:]) + 1
    since = len(outside) - int(np.argmin(outside[::-1])) if not outside.all() else 0
    return {
        "inside_at_start": not bool(outside[0]),
        "left": int(outside.argmax()) if outside.any() else None,
        "returns": len(back),
        "first_return": int(back[0]) if len(back) else None,
        "outside_for_good_since": since if outside[-1] else None,
    }


def _cloud(
    clouds: Clouds,
    columns: dict[str, np.ndarray],
    cloud: str,
    members: np.ndarray,
    mean_hidden: np.ndarray,
) -> dict[str, object]:
    """`still_tokens` have no motion as stored."""
    return {
        "tokens": int(members.sum()),
        "still_tokens": int((members & (clouds.path[AS_STORED] == 0)).sum()),
        **{
            name: _ends(columns[f"{cloud}_{name}"])
            for name in ("mean_radius", "max_radius", "nearer_own")
        },
        **{
            reading: {
                **_centroid(clouds, columns, cloud, reading, mean_hidden),
                "row_cosine_with_h": _over_time(columns[f"{cloud}_row_cosine_with_h_{reading}"]),
                "origin": {
                    sphere: crossings(
                        columns[f"{cloud}_centroid_norm_{reading}"], columns[f"{cloud}_{radius}"]
                    )
                    for sphere, radius in SPHERES.items()
                },
                **_tokens(clouds, members, reading, mean_hidden),
            }
            for reading in READINGS
        },
    }


def _centroid(
    clouds: Clouds,
    columns: dict[str, np.ndarray],
    cloud: str,
    reading: str,
    mean_hidden: np.ndarray,
) -> dict[str, object]:
    """`straightness` is the net displacement over the length of the path, 1 on a straight line."""
    centroid = clouds.centroid(cloud, reading)
    walked = np.linalg.norm(np.diff(centroid, axis=0), axis=1).sum()
    net = centroid[-1] - centroid[0]

    def column(name: str) -> np.ndarray:
        return columns[f"{cloud}_{name}_{reading}"]

    return {
        "centroid_norm": _ends(column("centroid_norm")),
        "centroid_displacement": float(column("centroid_displacement")[-1]),
        "centroid_path": float(walked),
        "centroid_straightness": float(np.linalg.norm(net) / walked) if walked else None,
        "centroid_displacement_cosine_with_mean_h": float(cosine(net, mean_hidden)),
        "centroid_step_cosine_with_h": _over_time(column("step_cosine_with_h")),
        "angle_with_h": _over_time(columns[f"angle_h_{cloud}_{reading}"]),
    }


def _tokens(
    clouds: Clouds, members: np.ndarray, reading: str, mean_hidden: np.ndarray
) -> dict[str, object]:
    """The displacements of single tokens of a cloud, of those that move in this reading."""
    moved = members & (clouds.path[reading] > 0)
    net = clouds.net_of_tokens(reading)[moved]
    along = cosine(net, mean_hidden)
    along = along[np.isfinite(along)]
    straightness = np.linalg.norm(net, axis=1) / clouds.path[reading][moved]
    return {
        "token_straightness": _spread(straightness),
        "token_displacement_cosine_with_mean_h": _spread(along),
        "tokens_displaced_against_h": float((along < 0).mean()) if len(along) else None,
    }


def _states(chunks: Chunks) -> Iterator[tuple[int, np.ndarray]]:
    for start, bits in chunks:
        for offset in range(len(bits)):
            yield start + offset, lattice.to_float32(bits[offset]).astype(np.float64)


def _padded(values: np.ndarray, missing: int = 1) -> np.ndarray:
    """A column of T+1 from values of the first steps."""
    return np.concatenate([values, np.full(missing, np.nan)])


def _mean(values: np.ndarray) -> float:
    """Without the rows that are zero and have no direction."""
    finite = values[np.isfinite(values)]
    return finite.mean() if len(finite) else np.nan


def _ends(values: np.ndarray) -> dict[str, float]:
    return {"start": float(values[0]), "end": float(values[-1])}


def _over_time(values: np.ndarray) -> dict[str, float | None]:
    """Ends, mean and range of a column over the steps for which it is defined."""
    defined = values[np.isfinite(values)]
    if len(defined) == 0:
        return dict.fromkeys(("start", "end", "mean", "min", "max"))
    means_and_range = {"mean": defined.mean(), "min": defined.min(), "max": defined.max()}
    return _ends(defined) | {name: float(value) for name, value in means_and_range.items()}


def _spread(values: np.ndarray) -> dict[str, float | None]:
    names = ("p05", "median", "p95")
    if len(values) == 0:
        return dict.fromkeys(names)
    return dict(zip(names, np.percentile(values, [5, 50, 95]).tolist(), strict=True))
