"""Results that stand already: each must be ours, unchanged, and of the configuration as it is.

Snakemake decides by its own notes in .snakemake, which do not know of files put in place by
others, of results that were moved, or of a file between two others that a failed job took away.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake.exceptions import WorkflowError

from deadtokens.errors import UserError
from deadtokens.files import links, provenance
from planning.identity import Identities, is_ours

if TYPE_CHECKING:  # these import each other
    from snakemake.dag import DAG
    from snakemake.workflow import Workflow

SHOWN = 10


def looked_after(
    workflow: "Workflow",
    identities: Identities,
    warn: Callable[[str], None],
    leading: Mapping[str, str],
) -> None:
    """Have every rule carry its identity, and every plan looked at before it is carried out or
    shown.

    There is no hook between a plan and "Nothing to be done": the method that makes it is wrapped,
    once, although a Snakefile that imports this workflow may have it read several times.
    leading: see `without_dead_links`.
    """
    if "_build_dag" in vars(workflow):
        return
    build = workflow._build_dag

    def build_and_look() -> None:
        # Now all rules are known, those too that another Snakefile derives from ours.
        identities.carry()
        without_dead_links(leading, warn)
        try:
            build()
        except WorkflowError as error:
            # Snakemake asks a link that leads nowhere for its time, and ends with that.
            refuse_dead_links(Path("results"), str(error))
            raise
        if workflow.is_main_process:
            outdated = check(workflow.dag, identities)
            if outdated:
                warn(f"Made from other settings, texts or code than now: {_listed(outdated)}")
                workflow.dag.forcefiles.update(outdated)
                workflow.async_run(workflow.dag.update_needrun())

    workflow._build_dag = build_and_look


def without_dead_links(leading: Mapping[str, str], warn: Callable[[str], None]) -> None:
    """Remove our own links to files that are gone, unless it is where they are to lead.

    leading: where the links of adopted runs are to lead, by their paths. Snakemake would not plan
    anything with such a link; what is named by the configuration and gone is refused by that name.
    """
    for path in Path("results").glob("*/trajectory.*"):
        target = os.readlink(path) if path.is_symlink() and not path.exists() else None
        if target is not None and leading.get(str(path)) != target and links.is_ours(path):
            warn(f"{path} led to {target}, which is gone; the link is removed.")
            path.unlink()


def refuse_dead_links(results: Path, said: str) -> None:
    """WorkflowError if a message, what was said, is about a link that leads to nothing."""
    dead = [
        path
        for place, folders, names in os.walk(results)
        for path in (Path(place, name) for name in (*folders, *names))
        if str(path) in said and path.is_symlink() and not path.exists()
    ]
    if dead:
        raise WorkflowError("\n".join(links.dangling(path) for path in dead)) from None


def check(dag: "DAG", identities: Identities) -> list[str]:
    """The outputs of our rules that must be made again though Snakemake does not know it.

    Raises WorkflowError if one was not made here or was changed since, or if what an output would
    be made from cannot be had.
    """
    foreign, outdated = [], []
    for job in dag.jobs:
        if job.is_norun or not job.output or not is_ours(job.rule):
            continue
        identity = identities.of_job(job.rule, job.wildcards_dict)
        for output in job.output:
            path = Path(output)
            if output.is_storage or not os.path.lexists(path):
                continue
            try:
                record = provenance.record_of(path) if path.exists() else None
                is_link_of_ours = links.is_ours(path)
            except UserError as error:
                raise WorkflowError(str(error)) from None
            if record is None and is_link_of_ours:
                # What it leads to was changed or is gone; no byte of that is touched.
                outdated += [] if dag.needrun(job) else [output]
            elif record is None:
                foreign.append(_foreign(path))
            elif record.identity != identity and not dag.needrun(job):
                outdated.append(output)
    if foreign:
        raise WorkflowError("\n".join(foreign[:SHOWN]))
    return outdated


def _foreign(path: Path) -> str:
    """What to say of a file that was not made here, and what can be done with it."""
    if not path.exists():
        return links.dangling(path)
    message = provenance.foreign(path)
    if path.stem == "trajectory":
        message += (
            " To have a trajectory of your own analysed, move it out of results/ and name it as "
            f"runs.{path.parent.name}.trajectory_file."
        )
    if not provenance.recorded(path):
        message += (
            f" If it is a copy of results made elsewhere, copy the hidden folders "
            f"{provenance.FOLDER} as well (rsync -a, cp -a); `make verify` then checks all of it."
        )
    return message


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(str, paths[:SHOWN])) + more
