"""Why do they stop together? Pending updates against half a cell, and the alignment of gradients.

Needs the trajectory of a run of any series, with W, m and v (momentum) or W and g (gradients)
recorded, the masks of its corpus, and its displacement; for gradients also the trajectory of the run
that holds h_mean, if the configuration names one. Leaves in results/{run}/ for each token when it
crosses the critical line and when it stops (momentum.csv), what was found and the notebook's quick
statistics (momentum.json), every token's distance to the line at every step and densities
(safetensors), and the alignment of gradients by step (gradients.csv) and in short with the test of
cohorts (gradients.json).
"""


rule compute_momentum:
    """Hold every pending update against half a cell: why and when tokens stop."""
    input:
        trajectory=plan.input(inputs.trajectory, "momentum"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
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
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.momentum),
        code=plan.code("cohorts/compute_momentum.py", "analysis"),
    shell:
        'python "$scripts"/cohorts/compute_momentum.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --displacement {input.displacement:q}"
        " --table {output.table:q} --summary {output.summary:q} --distance {output.distance:q}"
        " --density {output.density:q}"


rule compute_gradients:
    """Measure how aligned gradients are, with one another and within cohorts."""
    input:
        trajectory=plan.input(inputs.trajectory, "gradients"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
        displacement="results/{run}/displacement.safetensors",
        hidden_mean=plan.input(inputs.hidden_mean),
    output:
        table="results/{run}/gradients.csv",
        summary="results/{run}/gradients.json",
    log:
        "results/{run}/logs/compute_gradients.log",
    benchmark:
        "results/{run}/benchmarks/compute_gradients.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_compare)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.gradients),
        code=plan.code("cohorts/compute_gradients.py", "analysis"),
    shell:
        'python "$scripts"/cohorts/compute_gradients.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --displacement {input.displacement:q}"
        " --hidden-mean {input.hidden_mean:q}"
        " --table {output.table:q} --summary {output.summary:q}"
