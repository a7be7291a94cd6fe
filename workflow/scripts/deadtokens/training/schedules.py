"""How the learning rate follows the steps, as a factor of the run's learning rate."""


def constant(done: int, steps: int) -> float:
    """The same at every step."""
    return 1.0


def linear(done: int, steps: int) -> float:
    """From 1 before the first of `steps` steps in a straight line to 0 after the last.

    The arithmetic of transformers' `get_linear_schedule_with_warmup` without warm-up, which
    `Trainer` uses unless stated otherwise.
    """
    return max(0.0, float(steps - done) / float(max(1, steps)))


SCHEDULES = {"constant": constant, "linear": linear}
