"""Runs with planted weights, moments and gradients, to be followed as a record of real ones is."""

import numpy as np

from deadtokens import lattice
from deadtokens.recorded import steps
from deadtokens.recorded.naming import STATE
from deadtokens.update_law import UpdateLaw, learning_rates, nearest

ADAM = {"beta1": 0.9, "beta2": 0.999, "epsilon": 0.0}


def law(total, states="float32", schedule="constant", **changes):
    rates = learning_rates(1e-3, schedule, total, total, 0)
    return UpdateLaw(rates, **ADAM | changes, state_precision=states)


def record(total, shape=(3, 4), W=1.5, m=1e-6, v=1e-12, g=1e-6, p_mean=None):
    """Gradients alike from step to step keep v = g² where it is, in float32 too.

    W, m, v (T+1, n, D), g (T, n, D) and p_mean (T, n), if at all, of numbers or functions of the
    steps from 0 on."""

    def filled(value, times):
        values = value(times.astype(float)) if callable(value) else np.full(len(times), value)
        values = np.asarray(values, dtype=float)
        while values.ndim < 3:
            values = values[..., None]
        return np.broadcast_to(values, (len(times), *shape)).astype(np.float32)

    times = np.arange(total + 1)
    rows = {name: filled(value, times) for name, value in (("W", W), ("m", m), ("v", v))}
    rows["W"] = nearest(rows["W"])
    rows |= {"g": filled(g, times[1:])}
    return rows | ({} if p_mean is None else {"p_mean": filled(p_mean, times[1:])[..., 0]})


def each(rows, size=7):
    """As `TokenRows.steps` gives them, read in chunks of so many steps."""
    return steps.each(chunks(rows, size))


def chunks(rows, size=7):
    """Consecutive parts of (T+1, ...) states and (T, ...) of what is made, as far as they go."""
    total = max(len(values) - (name in STATE) for name, values in rows.items())
    for start in range(0, total, size):
        stop = min(total, start + size)
        yield start, {name: x[start : stop + (name in STATE)] for name, x in rows.items()}


def float64(rows):
    """All of it as numbers, weights too; moments and gradients may be bit patterns."""
    return {
        name: (lattice.to_float32(x) if x.dtype == np.uint16 else x).astype(np.float64)
        for name, x in rows.items()
    }
