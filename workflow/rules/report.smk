"""From tables to pictures; nothing here computes.

Needs the tables of results/{run}/ and leaves figures beside them.
"""


rule plot_phases:
    """Draw the phases of a run: fractions on both scales, displacement, all tokens' traces."""
    input:
        table="results/{run}/phases.csv",
        summary="results/{run}/phases.json",
        density="results/{run}/phases_density.safetensors",
    output:
        "results/{run}/phases.{format}",
    log:
        "results/{run}/logs/plot_phases_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_phases_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=figure_settings,
        code=code_of("plot_phases", "figures"),
    shell:
        'python "$scripts"/plot_phases.py --settings {params.settings:q} --log {log:q}'
        " --table {input.table:q} --summary {input.summary:q} --density {input.density:q}"
        " --figure {output:q}"
