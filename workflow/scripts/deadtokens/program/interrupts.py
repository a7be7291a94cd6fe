"""Ctrl-C ends a program with one line and exit code 130, from its first import to its last line.

`command` imports this before all else: the libraries that programs need take seconds to import.
"""

import os
import signal
import sys


def _leave(number, frame) -> None:
    # Nothing is open yet, or everything is closed; and nothing that could fail is in between.
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


def end_quietly() -> None:
    """Until `raise_again`, the signal ends the process at once; where it is ignored it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_again() -> bool:
    """From now on the signal is a KeyboardInterrupt, so that what is in the making is removed.

    False where it did not end the process quietly before.
    """
    if signal.getsignal(signal.SIGINT) is not _leave:
        return False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return True


def _is_of_a_program() -> bool:
    """Of scripts/QUESTION/NAME.py, not of a test or a notebook that imports `command`."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    folders = [os.path.realpath(__file__), os.path.realpath(main or os.devnull)]
    library, program = (os.path.dirname(os.path.dirname(path)) for path in folders)
    return os.path.dirname(library) == program


if _is_of_a_program():
    end_quietly()
