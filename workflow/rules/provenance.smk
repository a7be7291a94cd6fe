"""What every file was made from: an identity for each job, and a look at the results that stand.

Every rule gets one more parameter, so that a change anywhere upstream runs it again, also if the
step in between failed; its program writes it into the record of what it makes.
"""

from planning import identity, standing

rules_with_programs = [rule for rule in workflow.rules if rule.shellcmd is not None]
identities = identity.Identities(rules_with_programs, Path(".snakemake/file_digests.json"))
identity.carry(rules_with_programs, identities)
standing.looked_after(workflow, identities, logger.warning)
