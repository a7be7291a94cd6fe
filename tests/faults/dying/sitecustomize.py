"""Ends one program of the workflow in the middle: of every Python with this folder on PYTHONPATH.

FAULT is "PROGRAM HOW": it is killed, or finds the disk full, when its first output is complete but
for its name.
"""

import errno
import os
import signal
import sys
from pathlib import Path

program, _, how = os.environ.get("FAULT", "").partition(" ")


def _dying(source, destination, *, rename=os.replace):
    if Path(destination).parts[0] == "results" and not Path(destination).name.startswith("."):
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(destination))
    rename(source, destination)


if program and any(Path(word).stem == program for word in sys.orig_argv[1:4]):
    os.replace = _dying
