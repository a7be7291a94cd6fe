"""From token ids and masks to a trajectory: one loop for every run.

Needs the tokens and masks of the run's corpus and leaves in results/{run}/ the trajectory
(safetensors, a row per step) and its metadata (JSON). What is in the making lies beside them under
hidden names, and a killed run goes on from there.
"""


rule train_run:
    """Train one run and record every step."""
    input:
        tokens=of_its_corpus("tokens.safetensors"),
        masks=of_its_corpus("masks.safetensors"),
    output:
        trajectory="results/{run}/trajectory.safetensors",
        metadata="results/{run}/metadata.json",
    log:
        "results/{run}/logs/train_run.log",
    benchmark:
        "results/{run}/benchmarks/train_run.tsv"
    conda:
        "../envs/training.yaml"
    threads: lambda wildcards: run_named(wildcards.run)["threads"]
    resources:
        mem_mb=2500,
        runtime=240,
    params:
        settings=training_settings,
        code=code_of("train_run", "training"),
    shell:
        'python "$scripts"/train_run.py --settings {params.settings:q} --log {log:q}'
        " --code {params.code} --tokens {input.tokens:q} --masks {input.masks:q}"
        " --trajectory {output.trajectory:q} --metadata {output.metadata:q}"
