"""From a trajectory to tables.

Needs results/{run}/trajectory.safetensors and leaves in results/{run}/ the motion of every token at
every step (safetensors), the phases as a table by step (CSV), in short (JSON), and as a density of
all tokens' traces (safetensors); the runs of stillness, when each token freezes (CSV and JSON), and
the phase of every token at every step (safetensors).
"""


rule measure_displacement:
    """Measure how far each token moves at each step, in lattice cells."""
    input:
        dead_rows,
    output:
        "results/{run}/displacement.safetensors",
    log:
        "results/{run}/logs/measure_displacement.log",
    benchmark:
        "results/{run}/benchmarks/measure_displacement.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=code_of("measure_displacement", "analysis"),
    shell:
        'python "$scripts"/measure_displacement.py --log {log:q}'
        " --trajectory {input:q} --displacement {output:q}"


rule classify_phases:
    """Sort every token's motion at every step into phases."""
    input:
        "results/{run}/displacement.safetensors",
    output:
        table="results/{run}/phases.csv",
        summary="results/{run}/phases.json",
        density="results/{run}/phases_density.safetensors",
    log:
        "results/{run}/logs/classify_phases.log",
    benchmark:
        "results/{run}/benchmarks/classify_phases.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=phase_settings,
        code=code_of("classify_phases", "analysis"),
    shell:
        'python "$scripts"/classify_phases.py --settings {params.settings:q} --log {log:q}'
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"
        " --density {output.density:q}"


rule compute_stillness:
    """Find the runs of steps in which no dead token moves."""
    input:
        "results/{run}/displacement.safetensors",
    output:
        table="results/{run}/stillness.csv",
        summary="results/{run}/stillness.json",
    log:
        "results/{run}/logs/compute_stillness.log",
    benchmark:
        "results/{run}/benchmarks/compute_stillness.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=motion_settings,
        code=code_of("compute_stillness", "analysis"),
    shell:
        'python "$scripts"/compute_stillness.py --settings {params.settings:q} --log {log:q}'
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule compute_freezing:
    """Find when each dead token moves for the last time, and who stops early."""
    input:
        displacement="results/{run}/displacement.safetensors",
        trajectory=dead_rows,
        tokenizer=of_its_corpus("tokenizer.json"),
    output:
        table="results/{run}/freezing.csv",
        survival="results/{run}/freezing_survival.csv",
        summary="results/{run}/freezing.json",
    log:
        "results/{run}/logs/compute_freezing.log",
    benchmark:
        "results/{run}/benchmarks/compute_freezing.tsv"
    conda:
        "../envs/tokens.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        settings=motion_settings,
        code=code_of("compute_freezing", "tokens"),
    shell:
        'python "$scripts"/compute_freezing.py --settings {params.settings:q} --log {log:q}'
        " --displacement {input.displacement:q} --trajectory {input.trajectory:q}"
        " --tokenizer {input.tokenizer:q} --table {output.table:q}"
        " --survival {output.survival:q} --summary {output.summary:q}"


rule compute_lifecycle:
    """Put the phase of every token at every step into one table, sorted by when tokens freeze."""
    input:
        "results/{run}/displacement.safetensors",
    output:
        table="results/{run}/lifecycle.safetensors",
        summary="results/{run}/lifecycle.json",
    log:
        "results/{run}/logs/compute_lifecycle.log",
    benchmark:
        "results/{run}/benchmarks/compute_lifecycle.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        settings=lifecycle_settings,
        code=code_of("compute_lifecycle", "analysis"),
    shell:
        'python "$scripts"/compute_lifecycle.py --settings {params.settings:q} --log {log:q}'
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule summarize_run:
    """Put the figures of a run by which runs are compared into one small table."""
    input:
        trajectory=dead_rows,
        metadata="results/{run}/metadata.json",
        phases="results/{run}/phases.json",
        table="results/{run}/phases.csv",
        corpus=of_its_corpus("masks.json"),
        masks=of_its_corpus("masks.safetensors"),
    output:
        "results/{run}/summary.json",
    log:
        "results/{run}/logs/summarize_run.log",
    benchmark:
        "results/{run}/benchmarks/summarize_run.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code_of("summarize_run", "analysis"),
    shell:
        'python "$scripts"/summarize_run.py --log {log:q} --trajectory {input.trajectory:q}'
        " --metadata {input.metadata:q} --phases {input.phases:q} --table {input.table:q}"
        " --corpus {input.corpus:q} --masks {input.masks:q} --summary {output:q}"


rule compare_runs:
    """Set all runs of the configuration side by side, and beside the published figures."""
    input:
        summaries=expand("results/{run}/summary.json", run=CONFIG["comparison"]),
        published=f"{workflow.basedir}/workflow/report/published.json",
    output:
        "results/comparison.md",
    log:
        "results/logs/compare_runs.log",
    benchmark:
        "results/benchmarks/compare_runs.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        settings=canonical(CONFIG["comparison"]),
        code=code_of("compare_runs", "analysis"),
    shell:
        'python "$scripts"/compare_runs.py --log {log:q} --published {input.published:q}'
        " --summaries {input.summaries:q} --table {output:q}"
