"""What other places than one machine need beside the rules: a cluster's jobs, a bucket's results.

`profiles/slurm` and `profiles/s3` are the whole setting of each; docs/cluster.md and docs/places.md
say the rest.
"""

import signal

from planning import unschedulable, user

user.give_a_name()

if workflow.remote_exec:
    # A cluster that takes a job back signals all of its processes. Those that wait for a program
    # must outlive it: a run that is being trained writes a checkpoint first (interruption.py).
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)

if workflow.storage_settings.default_storage_provider == "s3":
    # Only here: it imports the client, which takes a second.
    from planning import bucket

    try:
        bucket.check(
            workflow.storage_settings.default_storage_prefix,
            workflow.storage_registry.default_storage_provider.settings,
        )
    except bucket.BucketError as error:
        raise WorkflowError(f"Results cannot be kept there.\n{error}") from None


onstart:
    if workflow.executor_plugin.name == "slurm":
        try:
            unschedulable.check(workflow.dag.needrun_jobs())
        except unschedulable.RefusedError as error:
            raise WorkflowError(str(error)) from None
        unschedulable.watch(logger.error)
