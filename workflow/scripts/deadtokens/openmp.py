"""How threads that compute together wait for each other: awake for a moment, then asleep.

Two threads wait for each other at every operation of a step. As OpenMP comes (GNU's, in torch; our
kernels find it loaded), a waiting thread keeps its processor for milliseconds; beside other work
that is the processor that the thread it waits for should have. No bit depends on it.
"""

import os
from collections.abc import MutableMapping

# Who has set one of these has decided, of whichever OpenMP.
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# Some hundred microseconds, in which threads of a quiet machine have met (docs/performance.md).
# Without the policy GNU's would take the count as well; it is for other OpenMPs, which do not.
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "5000"}


def sleep_while_waiting(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set it where the user has not; an OpenMP reads it when it is loaded and never again."""
    if not any(name in environment for name in VARIABLES):
        environment.update(SLEEPING)


def as_it_comes(environment: MutableMapping[str, str]) -> dict[str, str]:
    """The same environment, with OpenMP left to itself."""
    return {name: value for name, value in environment.items() if name not in VARIABLES}
