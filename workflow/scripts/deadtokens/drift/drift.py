"""Drift: how the clouds of live and of dead tokens move apart, and along which direction.

Definitions: docs/physics.md. State t = 0..T is W[t]; h[t], t = 0..T-1, is the mean hidden state of
the batch under W[t], of the step from t to t+1. What concerns that step stands in row t.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deadtokens import lattice
from deadtokens.drift.persistence import angle, cosine
from deadtokens.errors import UserError

Chunks = Iterable[tuple[int, np.ndarray]]  # (first t, (k, V, D) bit patterns of W)

# What is needed of a trajectory; that the shapes are those of one run, `check` ensures.
PATTERNS = {
    "W": (("U16", "BF16"), ("states", "tokens", "elements")),
    "h_mean": ("F32", ("steps", "elements of h_mean")),
    "loss": ("F32", ("states",)),
}
CLOUDS = ("live", "dead")
SPHERES = {"bounding_sphere": "max_radius", "mean_sphere": "mean_radius"}
FEWEST_STEPS = 2  # for one pair of hidden states
DIVERGED = "the run diverged. Train it with a smaller learning_rate."


@dataclass(frozen=True)
class Clouds:
    """What one pass over a trajectory leaves."""

    centroids: dict[str, np.ndarray]  # of CLOUDS: (T+1, D) float64
    columns: dict[str, np.ndarray]  # (T+1,) each, see `measure`
    net: np.ndarray  # (V, D) float64: W[T] - W[0]
    path: np.ndarray  # (V,) float64: the sum of |W[t+1] - W[t]|₂


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
    other's; `row_cosine_with_h`, the mean over rows of the cosine with h[t] (NaN at T).

    UserError if the run diverged.
    """
    if not np.isfinite(hidden).all():
        row = int(np.argmin(np.isfinite(hidden).all(axis=1)))
        raise UserError(f"h_mean of row {row} is not finite: {DIVERGED}")
    members = {"live": np.flatnonzero(~dead_mask), "dead": np.flatnonzero(dead_mask)}
    shape = len(hidden) + 1, hidden.shape[1]
    centroids = {cloud: np.full(shape, np.nan) for cloud in CLOUDS}
    names = ("mean_radius", "max_radius", "rms_radius", "nearer_own", "row_cosine_with_h")
    columns = {f"{cloud}_{name}": np.full(shape[0], np.nan) for cloud in CLOUDS for name in names}
    first = previous = None
    path = np.zeros(len(dead_mask))
    for t, rows in _states(chunks):  # (V, D)
        if previous is None:
            first = rows
        else:
            path += np.linalg.norm(rows - previous, axis=1)
        previous = rows
        of_cloud = {cloud: rows[members[cloud]] for cloud in CLOUDS}
        for cloud in CLOUDS:
            centroids[cloud][t] = of_cloud[cloud].mean(axis=0)
        own, other = centroids["live"][t], centroids["dead"][t]
        if not np.isfinite(own - other).all():
            raise UserError(f"W[{t}] holds values that are not finite: {DIVERGED}")
        for cloud in CLOUDS:
            squares = ((of_cloud[cloud] - centroids[cloud][t]) ** 2).sum(axis=1)
            radii = np.sqrt(squares)
            beyond_middle = (of_cloud[cloud] - (own + other) / 2) @ (own - other)
            columns[f"{cloud}_mean_radius"][t] = radii.mean()
            columns[f"{cloud}_max_radius"][t] = radii.max()
            columns[f"{cloud}_rms_radius"][t] = np.sqrt(squares.mean())
            columns[f"{cloud}_nearer_own"][t] = (
                beyond_middle > 0 if cloud == "live" else beyond_middle < 0
            ).mean()
            if t < len(hidden):
                columns[f"{cloud}_row_cosine_with_h"][t] = _mean(cosine(of_cloud[cloud], hidden[t]))
    return Clouds(centroids, columns, previous - first, path)


def table(clouds: Clouds, hidden: np.ndarray, loss: np.ndarray) -> pd.DataFrame:
    """A row per state, t = 0..T; NaN where there is no such step.

    Distances in units of W, angles in degrees. `angle_h_separation`: between h and the way from the
    dead to the live centroid; `*_step_cosine_with_h`: between h[t] and the motion of the centroid
    from t to t+1. hidden (T, D), loss (T+1,), of the step that led to t.
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
        "angle_live_dead": angle(live, dead),
        "angle_h_live": _padded(angle(hidden, live[:-1])),
        "angle_h_dead": _padded(angle(hidden, dead[:-1])),
        "angle_h_separation": _padded(angle(hidden, apart[:-1])),
    }
    for cloud, centroid in clouds.centroids.items():
        columns |= {
            f"{cloud}_centroid_norm": np.linalg.norm(centroid, axis=1),
            f"{cloud}_centroid_displacement": np.linalg.norm(centroid - centroid[0], axis=1),
            f"{cloud}_step_cosine_with_h": _padded(cosine(np.diff(centroid, axis=0), hidden)),
        }
        own = [name for name in clouds.columns if name.startswith(cloud)]
        columns |= {name: clouds.columns[name] for name in own}
    return pd.DataFrame(columns)


def summary(
    clouds: Clouds, table: pd.DataFrame, hidden: np.ndarray, dead_mask: np.ndarray
) -> dict[str, object]:
    """Both clouds, their separation, and their motion against h, as a JSON object.

    `by_chance_at_start`: the separation to expect of two samples of one cloud, of these sizes and
    spreads. `displacements_cosine`: between the displacements of both centroids over the run, −1 if
    they drift in opposite directions. `growth_cosine_with_mean_h`: between the change of the way
    from the dead to the live centroid and the mean of h over time; the same as the cosine of the
    live centroid's displacement as seen from the centroid of all tokens.
    """
    columns = {name: column.to_numpy() for name, column in table.items()}
    members = {"live": ~dead_mask, "dead": dead_mask}
    live, dead = (clouds.centroids[cloud] for cloud in CLOUDS)
    separation = columns["separation"]
    reach = columns["live_max_radius"] + columns["dead_max_radius"]
    mean_hidden = hidden.astype(np.float64).mean(axis=0)
    variance = sum(
        columns[f"{cloud}_rms_radius"][0] ** 2 / members[cloud].sum() for cloud in CLOUDS
    )
    return {
        "steps": len(hidden),
        "tokens": len(dead_mask),
        "final_loss": float(columns["loss"][-1]),
        **{f"{cloud}_tokens": int(members[cloud].sum()) for cloud in CLOUDS},
        "separation": {
            **_ends(separation),
            "end_over_start": float(separation[-1] / separation[0]) if separation[0] else None,
            "by_chance_at_start": float(np.sqrt(variance)),
            "largest": float(separation.max()),
            "largest_at": int(separation.argmax()),
            "over_sum_of_mean_radii": _ends(
                separation / (columns["live_mean_radius"] + columns["dead_mean_radius"])
            ),
            "bounding_spheres_apart_for_good_since": crossings(separation, reach)[
                "outside_for_good_since"
            ],
            "angle_of_centroids": _ends(columns["angle_live_dead"]),
            "growth_cosine_with_mean_h": float(
                cosine((live - dead)[-1] - (live - dead)[0], mean_hidden)
            ),
            "displacements_cosine": float(cosine(live[-1] - live[0], dead[-1] - dead[0])),
            "angle_with_h": _over_time(columns["angle_h_separation"]),
        },
        "clouds": {
            cloud: _cloud(clouds, columns, cloud, members[cloud], mean_hidden) for cloud in CLOUDS
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
    """`straightness` is the net displacement over the length of the path, 1 on a straight line."""
    centroid = clouds.centroids[cloud]
    walked = np.linalg.norm(np.diff(centroid, axis=0), axis=1).sum()
    moved = members & (clouds.path > 0)
    net = clouds.net[moved]
    straightness = np.linalg.norm(net, axis=1) / clouds.path[moved]
    along = cosine(net, mean_hidden)
    along = along[np.isfinite(along)]
    norm = columns[f"{cloud}_centroid_norm"]
    return {
        "tokens": int(members.sum()),
        "centroid_norm": _ends(norm),
        "centroid_displacement": float(columns[f"{cloud}_centroid_displacement"][-1]),
        "centroid_path": float(walked),
        "centroid_straightness": float(np.linalg.norm(centroid[-1] - centroid[0]) / walked)
        if walked
        else None,
        "centroid_displacement_cosine_with_mean_h": float(
            cosine(centroid[-1] - centroid[0], mean_hidden)
        ),
        "centroid_step_cosine_with_h": _over_time(columns[f"{cloud}_step_cosine_with_h"]),
        "angle_with_h": _over_time(columns[f"angle_h_{cloud}"]),
        "row_cosine_with_h": _over_time(columns[f"{cloud}_row_cosine_with_h"]),
        **{
            name: _ends(columns[f"{cloud}_{name}"])
            for name in ("mean_radius", "max_radius", "nearer_own")
        },
        "origin": {
            sphere: crossings(norm, columns[f"{cloud}_{radius}"])
            for sphere, radius in SPHERES.items()
        },
        "still_tokens": int((members & ~moved).sum()),
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
