"""What every file was made from: an identity for each job, and a look at the results that stand.

Every rule that runs a program gets one more parameter, so that a change anywhere upstream runs it
again, also if the job in between failed; its program writes it into the record of what it makes. The
rules of a workflow that imports this one as a module have no such programs, and are left alone.
"""

from planning import adopted, standing

identities = identity.Identities(workflow.rules, Path(".snakemake/file_digests.json"))
standing.looked_after(workflow, identities, logger.warning, adopted.leading(plan.configuration))
