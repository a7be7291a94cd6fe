"""From a trajectory to motion in lattice cells.

Needs the trajectory of a run, of any series, and the masks of its corpus. Leaves in results/{run}/
how far each dead token moves at each step (displacement.safetensors); names with `_live` and `_all`
after the first word are of live and of all tokens, for runs that record them.
"""


rule measure_displacement:
    """Measure how far each token moves at each step, in lattice cells."""
    input:
        trajectory=plan.input(inputs.trajectory, "displacement"),
        masks=plan.input(inputs.masks),
    output:
        "results/{run}/displacement{population}.safetensors",
    log:
        "results/{run}/logs/measure_displacement{population}.log",
    benchmark:
        "results/{run}/benchmarks/measure_displacement{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.displacement),
        code=plan.code("displacement/measure_displacement.py", "analysis"),
    shell:
        'python "$scripts"/displacement/measure_displacement.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --displacement {output:q}"
