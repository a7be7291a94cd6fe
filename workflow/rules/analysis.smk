"""From a trajectory to tables.

Needs the trajectory of a run, of any series, and the masks of its corpus. Leaves in results/{run}/
the motion of every token at every step (safetensors), the phases as a table by step (CSV), in short
(JSON), and as a density of all tokens' traces (safetensors); the same as the Thimble 7 notebook has
it; the runs of stillness, when each token freezes (CSV and JSON), and the phase of every token at
every step (safetensors). All that is of dead tokens; names with `_live` and `_all` after the first
word are of live and of all tokens, for runs that record them.
"""


rule measure_displacement:
    """Measure how far each token moves at each step, in lattice cells."""
    input:
        trajectory=trajectory_with("W"),
        masks=of_its_corpus("masks.safetensors"),
    output:
        "results/{run}/displacement{which}.safetensors",
    log:
        "results/{run}/logs/measure_displacement{which}.log",
    benchmark:
        "results/{run}/benchmarks/measure_displacement{which}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(60),
    params:
        settings=row_settings,
        code=code_of("measure_displacement", "analysis"),
    shell:
        'python "$scripts"/measure_displacement.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --displacement {output:q}"


rule classify_phases:
    """Sort every token's motion at every step into phases."""
    input:
        "results/{run}/displacement{which}.safetensors",
    output:
        table="results/{run}/phases{which}.csv",
        summary="results/{run}/phases{which}.json",
        density="results/{run}/phases{which}_density.safetensors",
    log:
        "results/{run}/logs/classify_phases{which}.log",
    benchmark:
        "results/{run}/benchmarks/classify_phases{which}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=phase_settings,
        code=code_of("classify_phases", "analysis"),
    shell:
        'python "$scripts"/classify_phases.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"
        " --density {output.density:q}"


rule compute_phase_transitions:
    """Measure motion on the vector scale as the Thimble 7 notebook does."""
    input:
        "results/{run}/displacement{which}.safetensors",
    output:
        table="results/{run}/phase_transitions{which}.csv",
        summary="results/{run}/phase_transitions{which}.json",
        density="results/{run}/phase_transitions{which}_density.safetensors",
    log:
        "results/{run}/logs/compute_phase_transitions{which}.log",
    benchmark:
        "results/{run}/benchmarks/compute_phase_transitions{which}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=transition_settings,
        code=code_of("compute_phase_transitions", "analysis"),
    shell:
        'python "$scripts"/compute_phase_transitions.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"
        " --density {output.density:q}"


rule compute_stillness:
    """Find the runs of steps in which no dead token moves, no live one, or none at all."""
    input:
        "results/{run}/displacement{which}.safetensors",
    output:
        table="results/{run}/stillness{which}.csv",
        summary="results/{run}/stillness{which}.json",
    log:
        "results/{run}/logs/compute_stillness{which}.log",
    benchmark:
        "results/{run}/benchmarks/compute_stillness{which}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=motion_settings,
        code=code_of("compute_stillness", "analysis"),
    shell:
        'python "$scripts"/compute_stillness.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule compute_permanence:
    """Bound the rate of motion by the silences: how much a long silence proves."""
    input:
        "results/{run}/displacement.safetensors",
    output:
        table="results/{run}/permanence.csv",
        summary="results/{run}/permanence.json",
    log:
        "results/{run}/logs/compute_permanence.log",
    benchmark:
        "results/{run}/benchmarks/compute_permanence.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=permanence_settings,
        code=code_of("compute_permanence", "analysis"),
    shell:
        'python "$scripts"/compute_permanence.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule compute_freezing:
    """Find when each token moves for the last time, and who stops early."""
    input:
        displacement="results/{run}/displacement{which}.safetensors",
        trajectory=trajectory_with("W"),
        masks=of_its_corpus("masks.safetensors"),
        tokenizer=of_its_corpus("tokenizer.json"),
    output:
        table="results/{run}/freezing{which}.csv",
        survival="results/{run}/freezing{which}_survival.csv",
        summary="results/{run}/freezing{which}.json",
    log:
        "results/{run}/logs/compute_freezing{which}.log",
    benchmark:
        "results/{run}/benchmarks/compute_freezing{which}.tsv"
    conda:
        "../envs/tokens.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(10),
    params:
        settings=freezing_settings,
        code=code_of("compute_freezing", "tokens"),
    shell:
        'python "$scripts"/compute_freezing.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input.displacement:q} --trajectory {input.trajectory:q}"
        " --masks {input.masks:q} --tokenizer {input.tokenizer:q}"
        " --table {output.table:q} --survival {output.survival:q} --summary {output.summary:q}"


rule compute_lifecycle:
    """Put the phase of every token at every step into one table, sorted by when tokens freeze."""
    input:
        "results/{run}/displacement{which}.safetensors",
    output:
        table="results/{run}/lifecycle{which}.safetensors",
        summary="results/{run}/lifecycle{which}.json",
    log:
        "results/{run}/logs/compute_lifecycle{which}.log",
    benchmark:
        "results/{run}/benchmarks/compute_lifecycle{which}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=lifecycle_settings,
        code=code_of("compute_lifecycle", "analysis"),
    shell:
        'python "$scripts"/compute_lifecycle.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule measure_rows:
    """Measure what the rows themselves tell: ranges, net displacement, live/dead separation."""
    input:
        trajectory=trajectory_with(*analyses.ROWS_OF_TOKENS),
        masks=of_its_corpus("masks.safetensors"),
    output:
        "results/{run}/rows.json",
    log:
        "results/{run}/logs/measure_rows.log",
    benchmark:
        "results/{run}/benchmarks/measure_rows.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(60),
    params:
        settings=measured_row_settings,
        code=code_of("measure_rows", "analysis"),
    shell:
        'python "$scripts"/measure_rows.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --summary {output:q}"


rule summarize_run:
    """Put the figures of a run by which runs are compared into one small table."""
    input:
        metadata="results/{run}/metadata.json",
        corpus=of_its_corpus("masks.json"),
        tokens=of_its_corpus("tokens.safetensors"),
        measured=if_recorded("results/{run}/rows.json", *analyses.ROWS_OF_TOKENS),
        phases=if_recorded("results/{run}/phases.json", "W"),
        table=if_recorded("results/{run}/phases.csv", "W"),
        freezing=if_recorded("results/{run}/freezing.json", "W"),
        stillness=if_recorded("results/{run}/stillness.json", "W"),
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
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=summary_settings,
        code=code_of("summarize_run", "analysis"),
    shell:
        'python "$scripts"/summarize_run.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --metadata {input.metadata:q} --corpus {input.corpus:q} --tokens {input.tokens:q}"
        " --measured {input.measured:q} --phases {input.phases:q} --table {input.table:q}"
        " --freezing {input.freezing:q} --stillness {input.stillness:q} --summary {output:q}"


rule compare_runs:
    """Set all runs of the configuration side by side, and beside the published figures."""
    input:
        summaries=expand("results/{run}/summary.json", run=CONFIG["comparison"]),
        published=local(f"{workflow.basedir}/workflow/report/published.json"),
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
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=canonical(CONFIG["comparison"]),
        code=code_of("compare_runs", "analysis"),
    shell:
        'python "$scripts"/compare_runs.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --table {output:q}"


rule compare_with_published:
    """Set runs beside the published figures, a line per run."""
    input:
        summaries=expand("results/{run}/summary.json", run=CONFIG["published"]["runs"]),
        published=local(f"{workflow.basedir}/workflow/report/published.json"),
    output:
        "results/published.md",
    log:
        "results/logs/compare_with_published.log",
    benchmark:
        "results/benchmarks/compare_with_published.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=canonical(CONFIG["published"]["runs"]),
        code=code_of("compare_with_published", "analysis"),
    shell:
        'python "$scripts"/compare_with_published.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --table {output:q}"
