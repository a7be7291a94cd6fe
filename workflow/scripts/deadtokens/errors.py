"""The one exception for a mistake that the user can mend."""


class UserError(Exception):
    """Bad input: the message names the file or key, what was found, what was expected, what to do.

    Scripts print it without a traceback and end with exit code 1 (`command.run`).
    """
