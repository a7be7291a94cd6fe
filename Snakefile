"""Fimbulwinter: what happens, step by step, to the embeddings of tokens a model never sees.

Ask for a file by name, `snakemake --cores 4 results/crucible2/phases.png`, or for nothing, which
draws every run of the configuration.
"""

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/analysis.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        expand("results/{run}/phases.png", run=RUNS),
