"""What computed the runs behind the findings: machines, versions and states of the code.

Runs that are compared should differ in what is asked, not in what computed them: another machine,
number of threads or kernel gives another trajectory of the same configuration.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from deadtokens.files.documents import IfThere

DESCRIBED = IfThere({str: Any})
METADATA = {"total_steps": int, "provenance": {"versions": DESCRIBED, "machine": DESCRIBED}}


def listed(runs: Mapping[str, Mapping]) -> dict[str, Any]:
    """Runs by all that computed them, most runs first. runs: metadata.json by run.

    `machines` has for each its `device` (the GPU, or the processor of a run on a CPU), `torch`,
    `matmul_backend`, `threads` and `code` (digest of all that trains), None where a run does not
    say; how many `runs` and `steps` it computed, and the `names` of the runs.
    """
    groups: dict[tuple, list[str]] = {}
    for name, run in runs.items():
        groups.setdefault(tuple(_computed(run["provenance"]).items()), []).append(name)
    machines = [
        {**dict(computed), "runs": len(names), "steps": _steps(runs, names), "names": names}
        for computed, names in groups.items()
    ]
    machines.sort(key=lambda machine: machine["runs"], reverse=True)
    return {"runs": len(runs), "steps": _steps(runs, runs), "machines": machines}


def _computed(provenance: Mapping) -> dict[str, str | int | None]:
    machine, versions = provenance.get("machine", {}), provenance.get("versions", {})
    device = machine.get("device")
    return {
        "device": machine.get("cpu_model") or device if device == "cpu" else device,
        "torch": versions.get("torch"),
        **{key: provenance.get(key) for key in ("matmul_backend", "threads", "code")},
    }


def _steps(runs: Mapping[str, Mapping], names: Iterable[str]) -> int:
    return sum(runs[name]["total_steps"] for name in names)
