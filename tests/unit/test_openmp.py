"""Threads that wait sleep: in every program, of torch and of our kernels; a user decides."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run

from deadtokens import openmp
from deadtokens.training import kernels

SCRIPTS = tiny_run.SCRIPT.parents[1]


@pytest.fixture
def undecided(monkeypatch):
    """An environment in which nobody has said how threads wait."""
    for name in openmp.VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", openmp.VARIABLES)
@pytest.mark.parametrize("value", ["ACTIVE", "0", ""])
def test_what_a_user_has_set_stays(name, value):
    environment = {name: value, "HOME": "/root"}
    openmp.sleep_while_waiting(environment)
    assert environment == {name: value, "HOME": "/root"}
    assert openmp.as_it_comes(environment) == {"HOME": "/root"}


@pytest.mark.parametrize(
    ("of_user", "count", "policy"),
    [
        ({}, openmp.SLEEPING["GOMP_SPINCOUNT"], "PASSIVE"),
        ({"GOMP_SPINCOUNT": "77"}, "77", "PASSIVE"),  # a policy that nobody has set shows as this
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000", "ACTIVE"),
    ],
)
def test_a_program_started_by_hand_has_it_before_openmp_is_loaded(
    undecided, of_user, count, policy
):
    command = [sys.executable, str(tiny_run.SCRIPT), "--help"]
    environment = os.environ | {"OMP_DISPLAY_ENV": "VERBOSE"} | of_user
    said = subprocess.run(command, env=environment, capture_output=True, text=True).stderr
    found = dict(re.findall(r"(GOMP_SPINCOUNT|OMP_WAIT_POLICY) = '(\w+)'", said))
    if "GOMP_SPINCOUNT" not in found:
        pytest.skip("torch has another OpenMP here")
    assert found == {"GOMP_SPINCOUNT": count, "OMP_WAIT_POLICY": policy}


IMPORTS = """
import os, runpy, sys
from pathlib import Path

class TorchIsImported(BaseException):
    pass

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise TorchIsImported

sys.meta_path.insert(0, Watch)
sys.path.insert(0, sys.argv[1])
scripts = sorted(p for p in Path(sys.argv[1]).glob("*/*.py") if p.parent.name != "deadtokens")
ours = {"deadtokens"}
before = dict(os.environ)
for script in scripts:
    os.environ.clear()
    os.environ.update(before)
    for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
        del sys.modules[name]
    try:
        runpy.run_path(str(script), run_name="imported")
    except TorchIsImported:
        print(script.name, os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
"""


def test_every_program_has_it_before_torch_is_imported(undecided):
    done = tiny_run.completed([sys.executable, "-c", IMPORTS, str(SCRIPTS)])
    assert done.returncode == 0, done.stderr
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert {"train_run.py", "audit_updates.py"} <= set(found)
    assert set(found.values()) == {" ".join(openmp.SLEEPING.values())}


WAITING = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths}
from deadtokens.training import fused_gelu, kernels
import torch
torch.set_num_threads(2)
x, y = torch.ones(2**17), torch.ones(2**17).bfloat16()
work = {{"torch": x.mul_, "ours": lambda one: fused_gelu._NewGELU.apply(y)}}
if kernels.missing():
    del work["ours"]
for name, compute in work.items():
    compute(1.0)
    before = time.process_time() - time.thread_time()
    for _ in range(20):
        compute(1.0)
        time.sleep(0.02)
    print(name, time.process_time() - time.thread_time() - before)
loaded = {{Path(line.split()[-1]).name for line in open("/proc/self/maps")}}
print("runtimes", sum("gomp" in name or "iomp" in name or "libomp" in name for name in loaded))
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc")
def test_waiting_threads_of_torch_and_of_ours_leave_the_processor_to_others(undecided):
    """Processor time of the second thread alone: nothing that others do adds to it."""
    text = WAITING.format(paths=[str(SCRIPTS)])

    def found(**environment):
        command = [sys.executable, "-c", text]
        said = subprocess.run(command, env=os.environ | environment, stdout=-1, text=True).stdout
        return {name: float(value) for name, value in map(str.split, said.splitlines())}

    sleeping, spinning = found(), found(GOMP_SPINCOUNT="300000")
    assert sleeping.pop("runtimes") == spinning.pop("runtimes") == 1
    assert set(sleeping) == ({"torch"} if kernels.missing() else {"torch", "ours"})
    for name, seconds in spinning.items():
        assert sleeping[name] < seconds / 5, (sleeping, spinning)


def test_no_bit_depends_on_it(undecided, monkeypatch, tmp_path):
    tiny_run.make_inputs(tmp_path)
    written = set()
    for count in (None, "300000"):
        if count:
            monkeypatch.setenv("GOMP_SPINCOUNT", count)
        short = {"threads": 2, "total_steps": 4}
        done = tiny_run.run_script(tmp_path, tmp_path / "out", matmul_backend="auto", **short)
        assert done.returncode == 0, done.stderr
        written.add((tmp_path / "out/trajectory.safetensors").read_bytes())
    assert len(written) == 1
