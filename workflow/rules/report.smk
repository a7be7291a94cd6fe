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


rule plot_stillness:
    """Draw how long the still runs are and where in time they lie."""
    input:
        table="results/{run}/stillness.csv",
        summary="results/{run}/stillness.json",
    output:
        "results/{run}/stillness.{format}",
    log:
        "results/{run}/logs/plot_stillness_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_stillness_{format}.tsv"
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
        code=code_of("plot_stillness", "figures"),
    shell:
        'python "$scripts"/plot_stillness.py --settings {params.settings:q} --log {log:q}'
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"


rule plot_freezing:
    """Draw when dead tokens freeze: the survival curve, and who stops early."""
    input:
        survival="results/{run}/freezing_survival.csv",
        summary="results/{run}/freezing.json",
    output:
        "results/{run}/freezing.{format}",
    log:
        "results/{run}/logs/plot_freezing_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_freezing_{format}.tsv"
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
        code=code_of("plot_freezing", "figures"),
    shell:
        'python "$scripts"/plot_freezing.py --settings {params.settings:q} --log {log:q}'
        " --survival {input.survival:q} --summary {input.summary:q}"
        " --figure {output:q}"


rule plot_lifecycle:
    """Draw the phase of every token at every step as one picture."""
    input:
        table="results/{run}/lifecycle.safetensors",
        summary="results/{run}/lifecycle.json",
    output:
        "results/{run}/lifecycle.{format}",
    log:
        "results/{run}/logs/plot_lifecycle_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_lifecycle_{format}.tsv"
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
        code=code_of("plot_lifecycle", "figures"),
    shell:
        'python "$scripts"/plot_lifecycle.py --settings {params.settings:q} --log {log:q}'
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"
