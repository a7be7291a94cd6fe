"""Through which phases do dead tokens pass?

Needs the displacement of a run. Leaves in results/{run}/ the phases as a table by step (phases.csv),
in short (JSON), and as a density of all tokens' traces (safetensors); the same as the Thimble 7
notebook has it (phase_transitions.*); the phase of every token at every step (lifecycle.*); and for
TensorBoard and Weights & Biases a row for each step and name (metrics.csv).
"""


rule classify_phases:
    """Sort every token's motion at every step into phases."""
    input:
        "results/{run}/displacement{population}.safetensors",
    output:
        table="results/{run}/phases{population}.csv",
        summary="results/{run}/phases{population}.json",
        density="results/{run}/phases{population}_density.safetensors",
    log:
        "results/{run}/logs/classify_phases{population}.log",
    benchmark:
        "results/{run}/benchmarks/classify_phases{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.phases),
        code=plan.code("phases/classify_phases.py", "analysis"),
    shell:
        'python "$scripts"/phases/classify_phases.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"
        " --density {output.density:q}"


rule compute_phase_transitions:
    """Measure motion on the vector scale as the Thimble 7 notebook does."""
    input:
        "results/{run}/displacement{population}.safetensors",
    output:
        table="results/{run}/phase_transitions{population}.csv",
        summary="results/{run}/phase_transitions{population}.json",
        density="results/{run}/phase_transitions{population}_density.safetensors",
    log:
        "results/{run}/logs/compute_phase_transitions{population}.log",
    benchmark:
        "results/{run}/benchmarks/compute_phase_transitions{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.phase_transitions),
        code=plan.code("phases/compute_phase_transitions.py", "analysis"),
    shell:
        'python "$scripts"/phases/compute_phase_transitions.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"
        " --density {output.density:q}"


rule compute_lifecycle:
    """Put the phase of every token at every step into one table, sorted by when tokens freeze."""
    input:
        "results/{run}/displacement{population}.safetensors",
    output:
        table="results/{run}/lifecycle{population}.safetensors",
        summary="results/{run}/lifecycle{population}.json",
    log:
        "results/{run}/logs/compute_lifecycle{population}.log",
    benchmark:
        "results/{run}/benchmarks/compute_lifecycle{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.lifecycle),
        code=plan.code("phases/compute_lifecycle.py", "analysis"),
    shell:
        'python "$scripts"/phases/compute_lifecycle.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule write_metrics:
    """Put loss, motion and phases into the long form that TensorBoard and Weights & Biases import."""
    input:
        trajectory=plan.input(inputs.trajectory, "phases"),
        phases="results/{run}/phases{population}.csv",
        summary="results/{run}/phases{population}.json",
    output:
        "results/{run}/metrics{population}.csv",
    log:
        "results/{run}/logs/write_metrics{population}.log",
    benchmark:
        "results/{run}/benchmarks/write_metrics{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.metrics),
        code=plan.code("phases/write_metrics.py", "analysis"),
    shell:
        'python "$scripts"/phases/write_metrics.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --trajectory {input.trajectory:q}"
        " --phases {input.phases:q} --summary {input.summary:q} --metrics {output:q}"
