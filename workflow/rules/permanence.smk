"""Is the end state permanent?

Needs the displacement and the trajectory of a run, and the masks of its corpus. Leaves in
results/{run}/ the runs of steps in which nothing moves (stillness.csv, .json), and bounds on how
often a token or an element that has been still moves again (permanence.csv, .json).
"""


rule compute_stillness:
    """Find the runs of steps in which no dead token moves, no live one, or none at all."""
    input:
        "results/{run}/displacement{population}.safetensors",
    output:
        table="results/{run}/stillness{population}.csv",
        summary="results/{run}/stillness{population}.json",
    log:
        "results/{run}/logs/compute_stillness{population}.log",
    benchmark:
        "results/{run}/benchmarks/compute_stillness{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.stillness),
        code=plan.code("permanence/compute_stillness.py", "analysis"),
    shell:
        'python "$scripts"/permanence/compute_stillness.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input:q} --table {output.table:q} --summary {output.summary:q}"


rule compute_permanence:
    """Bound the rate of motion by the silences: how much a long silence proves."""
    input:
        displacement="results/{run}/displacement.safetensors",
        trajectory=plan.input(inputs.trajectory, "permanence"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
    output:
        table="results/{run}/permanence.csv",
        summary="results/{run}/permanence.json",
    log:
        "results/{run}/logs/compute_permanence.log",
    benchmark:
        "results/{run}/benchmarks/compute_permanence.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.permanence),
        code=plan.code("permanence/compute_permanence.py", "analysis"),
    shell:
        'python "$scripts"/permanence/compute_permanence.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacement {input.displacement:q} --trajectory {input.trajectory:q}"
        " --masks {input.masks:q} --table {output.table:q} --summary {output.summary:q}"
