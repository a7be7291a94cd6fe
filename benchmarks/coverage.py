"""How often intervals hold the truth, by simulation: shares, and rates per token and step.

    PYTHONPATH=workflow:workflow/scripts python benchmarks/coverage.py

Prints two Markdown tables. Rates: tokens that are still are pushed, each on its own, all at once,
or both, and the interval that is nominally of 95% (a lower and an upper bound of 97.5% each) is
taken as Poisson's, by blocks as the pushes seen have it, and by blocks with a push of all allowed
for, which is what `permanence` compares with a rule. Shares: the usual interval of a normal
approximation, and Clopper and Pearson's. Every row says how many percent of the simulated runs have
an interval that holds the true value. In the last two rows of the rates what moves tokens outlasts
a block, which blocks cannot see.
"""

import argparse
from collections.abc import Callable

import numpy as np

from deadtokens.statistics import intervals

NOMINAL = 0.95
TOKENS, STEPS, BLOCK = 1000, 1000, 10
EACH = 1 - (1 - NOMINAL) / 2  # of the two bounds
SHARES = (0.0, 0.001, 0.02, 0.5, 0.98, 0.999, 1.0)
OF = 200  # tokens that a share is of
NORMAL = 1.959964  # of 97.5%

Runs = np.ndarray  # (runs, steps) tokens that move


def independent(rate: float) -> Callable:
    """Each token on its own."""
    return lambda random, shape: random.binomial(TOKENS, rate, shape)


def pushes(rate: float, share: float = 1, lasts: int = 1) -> Callable:
    """A push at this rate per step moves this share of the tokens, over so many steps in all."""

    def runs(random: np.random.Generator, shape: tuple) -> Runs:
        begun = random.random((shape[0], shape[1] + lasts - 1)) < rate
        active = sum(begun[:, i : i + shape[1]] for i in range(lasts))
        return np.minimum(random.binomial(TOKENS, share / lasts, shape) * active, TOKENS)

    return runs


def both(first: Callable, second: Callable) -> Callable:
    """Tokens of the one and of the other."""
    return lambda random, shape: np.minimum(first(random, shape) + second(random, shape), TOKENS)


def storms(begin: float, lasts: int, rate: float) -> Callable:
    """Storms begin at a rate per step and last so long; in them pushes of all have another rate."""

    def runs(random: np.random.Generator, shape: tuple) -> Runs:
        raging = pushes(begin, lasts=lasts)(random, shape) > 0
        return TOKENS * (raging & (random.random(shape) < rate))

    return runs


# Name, how to simulate it, steps of a run.
SCENARIOS = (
    ("each token on its own, 1 in 1,000", independent(1e-3), STEPS),
    ("each on its own, 1 in 1,000,000", independent(1e-6), STEPS),
    ("pushes of all, 1 step in 20", pushes(0.05), STEPS),
    ("pushes of a tenth, 1 step in 20", pushes(0.05, 0.1), STEPS),
    ("pushes of half, each over 5 steps", pushes(0.02, 0.5, 5), STEPS),
    ("mixed: own, and pushes of all", both(independent(1e-3), pushes(0.01)), STEPS),
    ("mixed, a push in every fifth run", both(independent(1e-5), pushes(2e-4)), STEPS),
    ("rare: 3 pushes of all in a run", pushes(0.003), STEPS),
    ("rare: 1 push of all in a run", pushes(0.001), STEPS),
    ("none: 1 push of all in 10 runs", pushes(1e-4), STEPS),
    ("3 blocks: pushes of all, 1 step in 5", pushes(0.2), 3 * BLOCK),
    ("1 block: pushes of all, 1 step in 5", pushes(0.2), BLOCK),
    ("1 block: pushes of half, each over 5 steps", pushes(0.05, 0.5, 5), BLOCK),
    ("pushes of half, each over 50 steps", pushes(0.002, 0.5, 50), STEPS),
    ("storms of pushes, of 100 steps", storms(0.002, 100, 0.2), STEPS),
)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=4000, help="simulated, of each row")
    arguments.add_argument("--random-seed", type=int, default=42)
    options = arguments.parse_args()
    random = np.random.default_rng(options.random_seed)
    print(f"{options.runs:,} runs of each row, nominal {NOMINAL:.0%}, blocks of {BLOCK} steps.\n")
    print("| rate of | steps | Poisson | blocks, as seen | blocks | width / Poisson's |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, simulate, steps in SCENARIOS:
        held, width = of_rate(simulate, steps, options.runs, random)
        print(f"| {name} | {steps:,} | {in_percent(held)} | {width:.1f} |")
    print(f"\n| share, of {OF} | normal | exact |\n| --- | ---: | ---: |")
    for share in SHARES:
        print(f"| {share:g} | {in_percent(of_share(share, options.runs, random))} |")


def of_rate(
    simulate: Callable, steps: int, runs: int, random: np.random.Generator
) -> tuple[list[float], float]:
    """Coverage of each kind of interval; median width of the second over that of the first."""
    moved = simulate(random, (runs, steps))
    truth = expected(simulate, random) / TOKENS
    bounds = np.array([all_bounds(of) for of in moved])  # (runs, kinds, 2)
    held = (bounds[..., 0] <= truth) & (truth <= bounds[..., 1])
    width = bounds[..., 1] - bounds[..., 0]
    return held.mean(axis=0).tolist(), float(np.median(width[:, 1] / width[:, 0]))


def expected(simulate: Callable, random: np.random.Generator) -> float:
    """Tokens that move per step, from far more steps than any run has."""
    return float(np.mean([simulate(random, (4000, STEPS)).mean() for _ in range(5)]))


def all_bounds(moved: np.ndarray) -> list[tuple[float, float]]:
    """Of one run, (steps,): Poisson's, by blocks as seen, by blocks."""
    count, exposure = int(moved.sum()), moved.size * TOKENS
    poisson = (
        intervals.poisson_lower(count, exposure, EACH),
        intervals.poisson_upper(count, exposure, EACH),
    )
    events = intervals.in_blocks(moved, BLOCK)
    exposed = intervals.in_blocks(np.full(moved.size, TOKENS), BLOCK)
    most = int(events.max()) or TOKENS
    heaviest = most, max(most, TOKENS)
    of_blocks = [intervals.block_bounds(events, exposed, w, EACH) for w in heaviest]
    return [poisson, *of_blocks]


def of_share(share: float, runs: int, random: np.random.Generator) -> list[float]:
    """Coverage of the normal approximation and of the exact interval."""
    counts, times = np.unique(random.binomial(OF, share, runs), return_counts=True)
    held = np.zeros(2)
    for count, number in zip(counts.tolist(), times.tolist(), strict=True):
        value = count / OF
        half = NORMAL * np.sqrt(value * (1 - value) / OF)
        exact = intervals.share(count, OF, NOMINAL)
        # At 0 and 1 the first has no width, and holds the truth by that alone.
        held += number * np.array(
            [abs(value - share) <= half, exact["low"] <= share <= exact["high"]]
        )
    return (held / runs).tolist()


def in_percent(held: list[float]) -> str:
    return " | ".join(f"{100 * of:.1f}%" for of in held)


if __name__ == "__main__":
    main()
