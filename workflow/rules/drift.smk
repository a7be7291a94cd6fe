"""Crucible 3: how live and dead tokens drift apart, and along which direction.

Needs the trajectory of a run that records all rows of W and h_mean, and the tokenizer of its
corpus. Leaves in results/{run}/ both clouds and h_mean by state (drift.csv), the autocorrelation of
h_mean (drift_autocorrelation.csv), the tokens that h_mean points at (drift_tokens.csv), all of it in
short (drift.json), and a figure (drift.png, svg or pdf).
"""


rule compute_drift:
    """Measure h_mean, the clouds of live and dead tokens, and how they drift apart."""
    input:
        trajectory=trajectory_unless(analyses.why_no_drift),
        tokenizer=of_its_corpus("tokenizer.json"),
    output:
        table="results/{run}/drift.csv",
        autocorrelation="results/{run}/drift_autocorrelation.csv",
        tokens="results/{run}/drift_tokens.csv",
        summary="results/{run}/drift.json",
    log:
        "results/{run}/logs/compute_drift.log",
    benchmark:
        "results/{run}/benchmarks/compute_drift.tsv"
    conda:
        "../envs/tokens.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=drift_settings,
        code=code_of("compute_drift", "tokens"),
    shell:
        'python "$scripts"/compute_drift.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --tokenizer {input.tokenizer:q}"
        " --table {output.table:q} --autocorrelation {output.autocorrelation:q}"
        " --tokens {output.tokens:q} --summary {output.summary:q}"


rule plot_drift:
    """Draw h_mean's persistence, both clouds, the angles between them, and the tokens it points at."""
    input:
        table="results/{run}/drift.csv",
        autocorrelation="results/{run}/drift_autocorrelation.csv",
        tokens="results/{run}/drift_tokens.csv",
        summary="results/{run}/drift.json",
    output:
        in_report("results/{run}/drift.{format}", "drift", "drift", "h_mean and both clouds"),
    log:
        "results/{run}/logs/plot_drift_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_drift_{format}.tsv"
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
        code=code_of("plot_drift", "figures"),
    shell:
        'python "$scripts"/plot_drift.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --autocorrelation {input.autocorrelation:q}"
        " --tokens {input.tokens:q} --summary {input.summary:q} --figure {output:q}"
