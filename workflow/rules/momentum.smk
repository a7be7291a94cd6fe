"""Why tokens stop: pending updates against half a lattice cell, and the alignment of gradients.

Needs results/{run}/trajectory.safetensors of dead rows, with W, m and v (momentum) or g (gradients)
recorded, and results/{run}/displacement.safetensors; for gradients also the trajectory of the run
that holds h_mean, if the configuration names one. Leaves in results/{run}/ for each token when it
crosses the critical line and when it stops (momentum.csv), what was found and the notebook's quick
statistics (momentum.json), every token's distance to the line at every step and densities
(safetensors), the alignment of gradients by step (gradients.csv) and in short with the test of
cohorts (gradients.json), and the two figures.
"""


rule compute_momentum:
    """Hold every pending update against half a cell: why and when tokens stop."""
    input:
        trajectory=trajectory_unless(analyses.why_no_momentum),
        displacement="results/{run}/displacement.safetensors",
    output:
        table="results/{run}/momentum.csv",
        summary="results/{run}/momentum.json",
        distance="results/{run}/momentum_distance.safetensors",
        density="results/{run}/momentum_density.safetensors",
    log:
        "results/{run}/logs/compute_momentum.log",
    benchmark:
        "results/{run}/benchmarks/compute_momentum.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        settings=momentum_settings,
        code=code_of("compute_momentum", "analysis"),
    shell:
        'python "$scripts"/compute_momentum.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --displacement {input.displacement:q}"
        " --table {output.table:q} --summary {output.summary:q} --distance {output.distance:q}"
        " --density {output.density:q}"


rule compute_gradients:
    """Measure how aligned gradients are, with one another and within cohorts."""
    input:
        trajectory=trajectory_unless(analyses.why_no_gradients),
        displacement="results/{run}/displacement.safetensors",
        hidden_mean=hidden_mean,
    output:
        table="results/{run}/gradients.csv",
        summary="results/{run}/gradients.json",
    log:
        "results/{run}/logs/compute_gradients.log",
    benchmark:
        "results/{run}/benchmarks/compute_gradients.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        settings=gradient_settings,
        code=code_of("compute_gradients", "analysis"),
    shell:
        'python "$scripts"/compute_gradients.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --displacement {input.displacement:q}"
        " --hidden-mean {input.hidden_mean:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule plot_momentum:
    """Draw the critical line, the distance of tokens to it, and when they cross and stop."""
    input:
        table="results/{run}/momentum.csv",
        summary="results/{run}/momentum.json",
        density="results/{run}/momentum_density.safetensors",
    output:
        in_report(
            "results/{run}/momentum.{format}",
            "momentum",
            "cohorts",
            "updates against the critical line",
        ),
    log:
        "results/{run}/logs/plot_momentum_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_momentum_{format}.tsv"
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
        code=code_of("plot_momentum", "figures"),
    shell:
        'python "$scripts"/plot_momentum.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q} --density {input.density:q}"
        " --figure {output:q}"


rule plot_gradients:
    """Draw how aligned gradients are at every step, and the test of the cohorts."""
    input:
        table="results/{run}/gradients.csv",
        summary="results/{run}/gradients.json",
    output:
        in_report(
            "results/{run}/gradients.{format}", "gradients", "cohorts", "alignment of gradients"
        ),
    log:
        "results/{run}/logs/plot_gradients_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_gradients_{format}.tsv"
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
        code=code_of("plot_gradients", "figures"),
    shell:
        'python "$scripts"/plot_gradients.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"
