"""What computed runs: told apart by machine, version, kernels, threads and code; counted."""

import copy

from deadtokens.report import machines

RUN = {
    "total_steps": 500,
    "provenance": {
        **{"code": "ab" * 32, "matmul_backend": "fused", "threads": 2},
        "versions": {"torch": "2.13.0+cpu"},
        "machine": {"device": "cpu", "cpu_model": "A processor"},
    },
}


def changed(**changes: object) -> dict:
    run = copy.deepcopy(RUN)
    for place, value in changes.items():
        *folders, key = place.split("__")
        entry = run
        for folder in folders:
            entry = entry[folder]
        entry[key] = value
    return run


def test_runs_of_one_machine_are_one_entry():
    found = machines.listed({"a": RUN, "b": changed(total_steps=1500)})
    assert (found["runs"], found["steps"]) == (2, 2000)
    assert found["machines"] == [
        {
            **{"device": "A processor", "torch": "2.13.0+cpu", "matmul_backend": "fused"},
            **{"threads": 2, "code": "ab" * 32, "runs": 2, "steps": 2000, "names": ["a", "b"]},
        }
    ]


def test_whatever_differs_makes_another_entry_and_most_runs_come_first():
    of_gpu = changed(provenance__machine={"device": "A GPU", "cpu_model": "A processor"})
    others = [
        of_gpu,
        changed(provenance__versions={"torch": "2.11.0"}),
        changed(provenance__matmul_backend="native"),
        changed(provenance__threads=1),
        changed(provenance__code="cd" * 32),
    ]
    runs = {f"other {n}": run for n, run in enumerate(others)} | {"a": RUN, "b": RUN}
    found = machines.listed(runs)["machines"]
    assert found[0]["names"] == ["a", "b"]
    assert [machine["names"] for machine in found[1:]] == [[f"other {n}"] for n in range(5)]
    assert found[1]["device"] == "A GPU"


def test_a_run_that_does_not_say_is_listed_as_such():
    found = machines.listed({"given": {"total_steps": 3, "provenance": {}}})
    (machine,) = found["machines"]
    assert {machine[key] for key in ("device", "torch", "matmul_backend", "threads", "code")} == {
        None
    }
