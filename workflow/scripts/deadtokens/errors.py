"""How work ends early: by a mistake that the user can mend, or because it was asked to."""

from signal import Signals


class UserError(Exception):
    """Bad input: the message names the file or key, what was found, what was expected, what to do.

    Scripts print it without a traceback and end with exit code 1 (`command.run`).
    """


class Stopped(Exception):
    """A run that a signal asked to end; started again, it resumes after this step.

    Scripts end with the exit code of a program that the signal killed (`command.run`).
    """

    def __init__(self, by: Signals, step: int):
        super().__init__(
            f"stopped by {by.name} after step {step}. Start again to resume from there."
        )
        self.exit_code = 128 + by
