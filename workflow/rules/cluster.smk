"""What a cluster needs beside the rules; on one machine nothing of it happens.

`profiles/slurm` is the whole setting of a Slurm cluster, `cluster` in the configuration what its
jobs need to know.
"""

import signal

from planning import hopeless

if workflow.remote_exec:
    # A cluster that takes a job back signals all of its processes. Those that wait for a program
    # must outlive it: a run that is being trained writes a checkpoint first (interruption.py).
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


onstart:
    if workflow.executor_plugin.name == "slurm":
        hopeless.watch(logger.error)
