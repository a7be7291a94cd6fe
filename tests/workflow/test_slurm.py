"""The workflow on a real Slurm of one node, through profiles/slurm.

make test-slurm
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from smoke import SNAKEMAKE, Project, copy_sources

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]

CLUSTER = Path(__file__).with_name("slurm_cluster.sh")
PHASES = "results/crucible2/phases.png"
TRAJECTORY = "results/crucible2/trajectory.safetensors"
LOG = "results/crucible2/logs/train_run.log"
# Longer than the half minute between two looks of Slurm at the time limit of its jobs, and with no
# checkpoint but that of a signal.
LONG = """
runs:
  crucible2:
    {total_steps: 500, batch_size: 128, seq_len: 128, record: [W], checkpoint_seconds: 3600}
"""
# No accounting database here, and nobody wants to wait.
OF_THIS_SITE = (
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
    *("--latency-wait", "10", "--cores", "2"),
)


@pytest.fixture(scope="session")
def slurm():
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # munge's own user must come through
    started = subprocess.run(
        [CLUSTER, "start", folder], capture_output=True, text=True, check=False
    )
    assert started.returncode == 0, started.stderr
    # Without an accounting database the real one hangs for ever, and the plugin falls back to it
    # when the scheduler is slow to answer.
    sacct = folder / "bin/sacct"
    sacct.parent.mkdir()
    sacct.write_text("#!/bin/sh\nexit 1\n")
    sacct.chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{sacct.parent}:{path}"
    yield folder
    os.environ["PATH"] = path
    subprocess.run([CLUSTER, "stop", folder], check=True)
    shutil.rmtree(folder)


@pytest.fixture
def site(slurm, fresh) -> Project:
    """A project whose profile has been edited for this cluster."""
    profile = fresh.root / "profiles/slurm/config.yaml"
    edited, count = re.subn(r"slurm_partition: .*", "slurm_partition: debug", profile.read_text())
    assert count == 1
    profile.write_text(edited)
    return fresh


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory) -> bytes:
    """The trajectory of the long run, made on this machine alone."""
    project = copy_sources(tmp_path_factory.mktemp("uninterrupted") / "project")
    project.run(TRAJECTORY, changes=LONG)
    return (project.root / TRAJECTORY).read_bytes()


def start(project: Project, *arguments: str, changes: str = "{}") -> subprocess.Popen:
    project.write("config/changes.yaml", changes)
    configuration = ["--configfile", "config/smoke.yaml", "config/changes.yaml"]
    return subprocess.Popen(
        [SNAKEMAKE, "--profile", "profiles/slurm", *OF_THIS_SITE, *arguments, *configuration],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: subprocess.Popen, seconds: int = 300) -> str:
    """What it printed, and its exit code in `process.returncode`; ended if it hangs."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        raise


def run(project: Project, *arguments: str, changes: str = "{}", seconds: int = 300) -> str:
    process = start(project, *arguments, changes=changes)
    output = end(process, seconds)
    assert process.returncode == 0, output
    return output


def failure(project: Project, *arguments: str, changes: str = "{}") -> str:
    process = start(project, "--retries", "0", *arguments, changes=changes)
    output = end(process)
    assert process.returncode == 1, output
    return output


def jobs_of(project: Project) -> dict[str, dict[str, str]]:
    """What Slurm knows of the jobs of a project, by the rule or group that it was given."""
    listing = subprocess.run(
        ["scontrol", "--oneliner", "show", "job"], capture_output=True, text=True, check=True
    ).stdout
    jobs = (dict(re.findall(r"(\S+?)=(\S*)", line)) for line in listing.splitlines())
    return {job["Comment"]: job for job in jobs if job.get("WorkDir") == str(project.root)}


def state_of(job: str) -> str:
    command = ["squeue", "--noheader", "--states=all", "--format=%T", "--jobs", job]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def until(condition, seconds: int = 120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.2)
    return found


def training_job(project: Project) -> str:
    """The Slurm job of a run that is in the middle of its training."""
    log = project.root / LOG
    until(lambda: log.exists() and "step/s" in log.read_text())
    return jobs_of(project)["rule_train_run_wildcards_crucible2"]["JobId"]


def test_the_same_command_on_a_cluster_leaves_the_same_bytes(site, finished):
    run(site, PHASES)
    for name in (PHASES, TRAJECTORY, "results/crucible2/phases.csv"):
        assert (site.root / name).read_bytes() == (finished.root / name).read_bytes(), name

    jobs = jobs_of(site)
    # All rules from text to masks are one Slurm job, and so are all from displacement to picture.
    assert len(jobs) == 3
    training = jobs.pop("rule_train_run_wildcards_crucible2")
    assert training["JobState"] == "COMPLETED"
    assert training["MinMemoryNode"] == "2500M"
    assert training["TimeLimit"] == "04:00:00"
    assert training["NumCPUs"] == "1"
    assert training["Partition"] == "debug"
    groups = {comment.split("_")[1] for comment in jobs}
    assert groups == {"corpus", "analyses"}

    assert "Nothing to be done" in run(site, PHASES)
    assert len(jobs_of(site)) == 3


def test_a_training_that_is_requeued_leaves_the_same_bytes(site, uninterrupted):
    process = start(site, TRAJECTORY, changes=LONG)
    job = training_job(site)
    subprocess.run(["scontrol", "requeue", job], check=True)
    log = site.root / LOG
    until(lambda: "stopped by SIGTERM after step" in log.read_text())
    until(lambda: state_of(job) == "PENDING")
    # Slurm lets a job that it takes back rest for two minutes.
    subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], check=True)
    output = end(process)
    assert process.returncode == 0, output
    assert re.search(r"resuming after step \d+", log.read_text())
    assert (site.root / TRAJECTORY).read_bytes() == uninterrupted


def test_a_training_that_is_out_of_time_goes_on_in_the_next_attempt(site, uninterrupted):
    process = start(site, TRAJECTORY, changes=LONG)
    job = training_job(site)
    subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=1"], check=True)
    output = end(process)
    assert process.returncode == 0, output
    assert "stopped by SIGUSR1 after step" in output  # the log of the first attempt, shown
    again = jobs_of(site)["rule_train_run_wildcards_crucible2"]
    assert again["JobId"] != job
    assert (again["MinMemoryNode"], again["TimeLimit"]) == ("5000M", "08:00:00")
    assert re.search(r"resuming after step \d+", (site.root / LOG).read_text())
    assert (site.root / TRAJECTORY).read_bytes() == uninterrupted


def test_a_job_that_fails_shows_its_log_where_it_was_submitted(site):
    """The GPU of this node is none, but the job that asks for it is given it."""
    on_gpu = "runs: {hot: {like: crucible2, device: cuda}}"
    output = failure(site, "results/hot/trajectory.safetensors", changes=on_gpu)
    assert "device: cuda asked for, but here is only cpu. Choose one of these, or auto." in output
    job = jobs_of(site)["rule_train_run_cuda_wildcards_hot"]
    assert "gres/gpu=1" in job["TRES"] + job.get("TresPerJob", "").replace("gres:gpu:", "gres/gpu=")
    assert not (site.root / "results/hot/trajectory.safetensors").exists()


def test_scratch_of_the_node(site, finished, tmp_path, monkeypatch):
    """What is in the making lies there, under a variable of the job, and nothing stays."""
    monkeypatch.setenv("DISK_OF_THE_NODE", str(tmp_path / "scratch"))
    run(site, TRAJECTORY, changes="cluster: {scratch: $DISK_OF_THE_NODE}")
    assert (site.root / TRAJECTORY).read_bytes() == (finished.root / TRAJECTORY).read_bytes()
    (of_the_run,) = (tmp_path / "scratch").iterdir()
    assert of_the_run.name.startswith("crucible2-")
    assert list(of_the_run.iterdir()) == []


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (("slurm_partition=''",), "No partition specified or system default partition"),
        (("slurm_partition=none",), "Invalid partition name specified"),
        (("mem_mb=99000000",), "--mem=99000000.*: allocation failure: Requested node config"),
        (("gpu=8",), "--gpus=8: allocation failure: Requested node configuration"),
    ],
)
def test_what_no_node_can_give_is_reported_before_anything_is_submitted(site, resources, message):
    rule = [f"train_tokenizer:{resource}" for resource in resources]
    output = failure(site, PHASES, "--set-resources", *rule)
    assert re.search(f"train_tokenizer, which asks for.*{message}", output), output
    assert "Slurm refuses such jobs. Set slurm_partition" in output
    assert jobs_of(site) == {}


def test_an_account_that_may_not_use_the_partition_is_reported_and_does_not_hang(site):
    profile = site.root / "profiles/slurm/config.yaml"
    profile.write_text(
        profile.read_text().replace("slurm_partition: debug", "slurm_partition: physics")
    )
    output = failure(site, PHASES)
    assert "cannot start: Job's account not" in output or "AccountNotAllowed" in output
    assert "Set slurm_partition and slurm_account under default-resources" in output


def test_results_that_the_node_cannot_write_are_reported(site, slurm):
    results = site.root / "results"
    results.mkdir()
    node = (slurm / "slurmd.pid").read_text().strip()
    read_only = f"mount --bind {results} {results} && mount -o remount,bind,ro {results}"
    subprocess.run(["nsenter", "--target", node, "--mount", "sh", "-c", read_only], check=True)
    output = failure(site, PHASES)
    subprocess.run(["nsenter", "--target", node, "--mount", "umount", results], check=True)
    assert "Read-only file system" in output
    assert str(results) in output or "results/" in output


def test_a_sweep_of_fifty_runs(site):
    fifty = "runs: {seeds: {like: crucible2, total_steps: 2, sweep: {random_seed: %s}}}"
    seeds = [*range(1, 51)]
    targets = [f"results/seeds_{seed}/trajectory.safetensors" for seed in seeds]
    run(site, *targets, changes=fifty % json.dumps(seeds), seconds=800)
    jobs = [name for name in jobs_of(site) if name.startswith("rule_train_run_wildcards_seeds")]
    assert len(jobs) == 50
    trajectories = {(site.root / target).read_bytes() for target in targets}
    assert len(trajectories) == 50
    shutil.rmtree(site.root / "results")
