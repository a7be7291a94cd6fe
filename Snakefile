"""Fimbulwinter: what happens, step by step, to the embeddings of tokens a model never sees.

Ask for a file by name: `snakemake --cores 4 results/crucible2/phases.png`. A call without a name
makes that one.
"""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/given.smk"


configfile: OWN_CONFIGURATION[0]
configfile: OWN_CONFIGURATION[1]


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/adoption.smk"
include: "workflow/rules/displacement.smk"
include: "workflow/rules/phases.smk"
include: "workflow/rules/freezing.smk"
include: "workflow/rules/permanence.smk"
include: "workflow/rules/cohorts.smk"
include: "workflow/rules/drift.smk"
include: "workflow/rules/kick.smk"
include: "workflow/rules/causes.smk"
include: "workflow/rules/census.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/places.smk"


# The default, for it is the first rule that stands in no included file. As a module this workflow
# leaves the default to the one that imports it.
rule all:
    input:
        "results/crucible2/phases.png",


rule report_results:
    """Everything that the report shows, and the pages that it leads to."""
    input:
        report_figures(plan.configuration),
        pages_of_tokens(plan.configuration).values(),
        "results/verdicts.html",
        "results/runs.html",
        "results/provenance.html",


# Last, when all rules are known.
include: "workflow/rules/provenance.smk"
