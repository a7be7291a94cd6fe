"""Where do they drift? Live and dead tokens against the mean hidden state.

Needs the trajectory of a run that records all rows of W and h_mean, and the tokenizer of its
corpus. Leaves in results/{run}/ both clouds and h_mean by state (drift.csv), the autocorrelation of
h_mean (drift_autocorrelation.csv), the tokens that h_mean points at (drift_tokens.csv), all of it in
short (drift.json).
"""


rule compute_drift:
    """Measure h_mean, the clouds of live and dead tokens, and how they drift apart."""
    input:
        trajectory=plan.input(inputs.trajectory, "drift"),
        tokenizer=plan.input(inputs.of_its_corpus, "tokenizer.json"),
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
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.drift),
        code=plan.code("drift/compute_drift.py", "tokens"),
    shell:
        'python "$scripts"/drift/compute_drift.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --tokenizer {input.tokenizer:q}"
        " --table {output.table:q} --autocorrelation {output.autocorrelation:q}"
        " --tokens {output.tokens:q} --summary {output.summary:q}"
