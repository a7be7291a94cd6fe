"""Is the kick at a checkpoint physics, and what is it made of?

Needs, for every run that an entry of `kick` names, results/{run}/trajectory.* with the untrained
rows, and the masks of their corpus. Leaves in results/{run}/ the motion of the untrained tokens
(safetensors), and in results/{kick}/ what was checked bit for bit (kick_check.json), the steps of
all runs (kick.csv), kicks, effects and contributions (kick.json).
"""


rule measure_untrained_motion:
    """Measure how far each untrained token moves at each step."""
    input:
        trajectory=plan.input(inputs.trajectory, "untrained_motion"),
        origin=plan.input(inputs.first_trajectory),
        masks=plan.input(inputs.masks),
    output:
        "results/{run}/untrained_motion.safetensors",
    log:
        "results/{run}/logs/measure_untrained_motion.log",
    benchmark:
        "results/{run}/benchmarks/measure_untrained_motion.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.vocabulary),
        code=plan.code("kick/measure_untrained_motion.py", "analysis"),
    shell:
        'python "$scripts"/kick/measure_untrained_motion.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --origin {input.origin:q} --masks {input.masks:q}"
        " --motion {output:q}"


rule check_continuation:
    """Check bit for bit that runs resume from the seam, and that one is as if never stopped."""
    input:
        resumed=plan.input(inputs.resumed_trajectories, "run"),
        sources=plan.input(inputs.resumed_trajectories, "source"),
        masks=plan.input(inputs.masks_of_compared_runs),
    output:
        "results/{kick}/kick_check.json",
    log:
        "results/{kick}/logs/check_continuation.log",
    benchmark:
        "results/{kick}/benchmarks/check_continuation.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.continuation),
        code=plan.code("kick/check_continuation.py", "analysis"),
    shell:
        'python "$scripts"/kick/check_continuation.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --resumed {input.resumed:q} --sources {input.sources:q} --masks {input.masks:q}"
        " --report {output:q}"


rule compute_kick:
    """Set resumed runs beside the continuous one; attribute the kick to what was not restored."""
    input:
        check="results/{kick}/kick_check.json",
        motions=plan.input(inputs.of_compared_runs, "untrained_motion.safetensors"),
    output:
        table="results/{kick}/kick.csv",
        summary="results/{kick}/kick.json",
    log:
        "results/{kick}/logs/compute_kick.log",
    benchmark:
        "results/{kick}/benchmarks/compute_kick.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.kicks),
        code=plan.code("kick/compute_kick.py", "analysis"),
    shell:
        'python "$scripts"/kick/compute_kick.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --check {input.check:q} --motions {input.motions:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule refuse_old_name:
    """Refuse what had another name before release 1.0.0, with the new one."""
    input:
        plan.input(inputs.renamed),
    output:
        "results/{folder}/{old}{rest}",
    wildcard_constraints:
        folder="[^/]+",
        old="|".join(renamed.FILES),
        rest=r"(_check)?\.[a-z]+",
