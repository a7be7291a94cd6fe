"""From tables to pictures; nothing here computes.

Needs the tables of results/{run}/ and leaves figures beside them.
"""


rule plot_phases:
    """Draw the phases of a run: fractions on both scales, displacement, all tokens' traces."""
    input:
        table="results/{run}/phases{which}.csv",
        summary="results/{run}/phases{which}.json",
        density="results/{run}/phases{which}_density.safetensors",
    output:
        in_report(
            "results/{run}/phases{which}.{format}",
            "phases",
            "phases",
            "phases over time, on both scales",
        ),
    log:
        "results/{run}/logs/plot_phases{which}_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_phases{which}_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_phases", "figures"),
    shell:
        'python "$scripts"/plot_phases.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q} --density {input.density:q}"
        " --figure {output:q}"


rule plot_phase_transitions:
    """Draw the three plots of the Thimble 7 notebook."""
    input:
        table="results/{run}/phase_transitions{which}.csv",
        summary="results/{run}/phase_transitions{which}.json",
        density="results/{run}/phase_transitions{which}_density.safetensors",
    output:
        in_report(
            "results/{run}/phase_transitions{which}.{format}",
            "phase_transitions",
            "phases",
            "the three plots of Thimble 7",
        ),
    log:
        "results/{run}/logs/plot_phase_transitions{which}_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_phase_transitions{which}_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_phase_transitions", "figures"),
    shell:
        'python "$scripts"/plot_phase_transitions.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q} --density {input.density:q}"
        " --figure {output:q}"


rule plot_stillness:
    """Draw how long the still runs are and where in time they lie."""
    input:
        table="results/{run}/stillness{which}.csv",
        summary="results/{run}/stillness{which}.json",
    output:
        in_report(
            "results/{run}/stillness{which}.{format}",
            "stillness",
            "permanence",
            "runs of stillness",
        ),
    log:
        "results/{run}/logs/plot_stillness{which}_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_stillness{which}_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_stillness", "figures"),
    shell:
        'python "$scripts"/plot_stillness.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"


rule plot_permanence:
    """Draw how often a token that has been still moves again."""
    input:
        table="results/{run}/permanence.csv",
        summary="results/{run}/permanence.json",
    output:
        in_report(
            "results/{run}/permanence.{format}",
            "permanence",
            "permanence",
            "how often still tokens move again",
        ),
    log:
        "results/{run}/logs/plot_permanence_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_permanence_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_permanence", "figures"),
    shell:
        'python "$scripts"/plot_permanence.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"


rule plot_freezing:
    """Draw when tokens freeze: the survival curve, and who stops early."""
    input:
        survival="results/{run}/freezing{which}_survival.csv",
        summary="results/{run}/freezing{which}.json",
    output:
        in_report(
            "results/{run}/freezing{which}.{format}",
            "freezing",
            "freezing",
            "when tokens freeze, and who stops early",
        ),
    log:
        "results/{run}/logs/plot_freezing{which}_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_freezing{which}_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_freezing", "figures"),
    shell:
        'python "$scripts"/plot_freezing.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --survival {input.survival:q} --summary {input.summary:q}"
        " --figure {output:q}"


rule plot_lifecycle:
    """Draw the phase of every token at every step as one picture."""
    input:
        table="results/{run}/lifecycle{which}.safetensors",
        summary="results/{run}/lifecycle{which}.json",
    output:
        in_report(
            "results/{run}/lifecycle{which}.{format}",
            "lifecycle",
            "phases",
            "the phase of every token at every step",
        ),
    log:
        "results/{run}/logs/plot_lifecycle{which}_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_lifecycle{which}_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_lifecycle", "figures"),
    shell:
        'python "$scripts"/plot_lifecycle.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"
