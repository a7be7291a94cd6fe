"""Runs side by side: with the published figures, with one another, and those of a sweep.

Needs what other rules leave in results/{run}/. Leaves there what the rows themselves say (rows.json)
and a run in short (summary.json); results/comparison.md and results/published.md; and in
results/{sweep}/ a row per run with the values that it was given (sweep.csv).
"""


rule measure_rows:
    """Measure what the rows themselves show: ranges, net displacement, live/dead separation."""
    input:
        trajectory=plan.input(inputs.trajectory, "rows"),
        masks=plan.input(inputs.masks),
    output:
        "results/{run}/rows.json",
    log:
        "results/{run}/logs/measure_rows.log",
    benchmark:
        "results/{run}/benchmarks/measure_rows.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.rows),
        code=plan.code("comparison/measure_rows.py", "analysis"),
    shell:
        'python "$scripts"/comparison/measure_rows.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --summary {output:q}"


rule summarize_run:
    """Put the figures of a run by which runs are compared into one small table."""
    input:
        metadata="results/{run}/metadata.json",
        corpus=plan.input(inputs.of_its_corpus, "masks.json"),
        tokens=plan.input(inputs.of_its_corpus, "tokens.safetensors"),
        measured=plan.input(inputs.if_possible, "rows.json", "rows"),
        phases=plan.input(inputs.if_possible, "phases.json", "phases"),
        table=plan.input(inputs.if_possible, "phases.csv", "phases"),
        freezing=plan.input(inputs.if_possible, "freezing.json", "freezing"),
        stillness=plan.input(inputs.if_possible, "stillness.json", "stillness"),
    output:
        "results/{run}/summary.json",
    log:
        "results/{run}/logs/summarize_run.log",
    benchmark:
        "results/{run}/benchmarks/summarize_run.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.summary),
        code=plan.code("comparison/summarize_run.py", "analysis"),
    shell:
        'python "$scripts"/comparison/summarize_run.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --metadata {input.metadata:q} --corpus {input.corpus:q} --tokens {input.tokens:q}"
        " --measured {input.measured:q} --phases {input.phases:q} --table {input.table:q}"
        " --freezing {input.freezing:q} --stillness {input.stillness:q} --summary {output:q}"


rule compare_runs:
    """Set all runs of the configuration side by side, and beside the published figures."""
    input:
        summaries=expand("results/{run}/summary.json", run=plan.configuration["comparison"]),
        published=local(PUBLISHED),
    output:
        "results/comparison.md",
    log:
        "results/logs/compare_runs.log",
    benchmark:
        "results/benchmarks/compare_runs.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.comparison),
        code=plan.code("comparison/compare_runs.py", "analysis"),
    shell:
        'python "$scripts"/comparison/compare_runs.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --table {output:q}"


rule compare_with_published:
    """Set runs beside the published figures, a line per run."""
    input:
        summaries=expand("results/{run}/summary.json", run=plan.configuration["published"]["runs"]),
        published=local(PUBLISHED),
    output:
        "results/published.md",
    log:
        "results/logs/compare_with_published.log",
    benchmark:
        "results/benchmarks/compare_with_published.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.published),
        code=plan.code("comparison/compare_with_published.py", "analysis"),
    shell:
        'python "$scripts"/comparison/compare_with_published.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --table {output:q}"


rule compare_sweep:
    """Set the runs of a sweep side by side."""
    input:
        plan.input(inputs.of_sweep, "summary.json"),
    output:
        "results/{sweep}/sweep.csv",
    log:
        "results/{sweep}/logs/compare_sweep.log",
    benchmark:
        "results/{sweep}/benchmarks/compare_sweep.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.sweep),
        code=plan.code("comparison/compare_sweep.py", "analysis"),
    shell:
        'python "$scripts"/comparison/compare_sweep.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --summaries {input:q} --table {output:q}"
