"""When do they stop?

Needs the displacement and the trajectory of a run, and the masks and the tokenizer of its corpus.
Leaves in results/{run}/ when each token moves for the last time (freezing.csv), the survival curve
(freezing_survival.csv) and all of it in short (freezing.json).
"""


rule compute_freezing:
    """Find when each token moves for the last time, and who stops early."""
    input:
        displacement="results/{run}/displacement{population}.safetensors",
        trajectory=plan.input(inputs.trajectory, "freezing"),
        masks=plan.input(inputs.masks),
        tokenizer=plan.input(inputs.of_its_corpus, "tokenizer.json"),
    output:
        table="results/{run}/freezing{population}.csv",
        survival="results/{run}/freezing{population}_survival.csv",
        summary="results/{run}/freezing{population}.json",
    log:
        "results/{run}/logs/compute_freezing{population}.log",
    benchmark:
        "results/{run}/benchmarks/compute_freezing{population}.tsv"
    conda:
        "../envs/tokens.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.freezing),
        code=plan.code("freezing/compute_freezing.py", "tokens"),
    shell:
        'python "$scripts"/freezing/compute_freezing.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input.displacement:q} --trajectory {input.trajectory:q}"
        " --masks {input.masks:q} --tokenizer {input.tokenizer:q}"
        " --table {output.table:q} --survival {output.survival:q} --summary {output.summary:q}"
