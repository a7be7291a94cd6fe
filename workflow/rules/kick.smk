"""The checkpoint artifact: is the kick behind a resume physics, and what is it made of?

Needs, for every run that an entry of checkpoint_artifacts names, results/{run}/trajectory.* with the
untrained rows, and the masks of their corpus. Leaves in results/{run}/ the motion of the untrained
tokens (safetensors), and in results/{artifact}/ what was checked bit for bit (JSON), the steps of
all runs (CSV), kicks, effects and contributions (JSON) and the figure.
"""


rule measure_untrained_motion:
    """Measure how far each untrained token moves at each step."""
    input:
        trajectory=trajectory_unless(why_no_untrained_motion),
        origin=first_trajectory,
        masks=of_its_corpus("masks.safetensors"),
    output:
        "results/{run}/untrained_motion.safetensors",
    log:
        "results/{run}/logs/measure_untrained_motion.log",
    benchmark:
        "results/{run}/benchmarks/measure_untrained_motion.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=vocabulary_settings,
        code=code_of("measure_untrained_motion", "analysis"),
    shell:
        'python "$scripts"/measure_untrained_motion.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --origin {input.origin:q} --masks {input.masks:q}"
        " --motion {output:q}"


rule check_continuation:
    """Check bit for bit that runs go on from the seam, and that one is as if never stopped."""
    input:
        resumed=resumed_trajectories("run"),
        sources=resumed_trajectories("source"),
        masks=masks_of_artifact,
    output:
        "results/{artifact}/checkpoint_artifact_check.json",
    log:
        "results/{artifact}/logs/check_continuation.log",
    benchmark:
        "results/{artifact}/benchmarks/check_continuation.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=continuation_settings,
        code=code_of("check_continuation", "analysis"),
    shell:
        'python "$scripts"/check_continuation.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --resumed {input.resumed:q} --sources {input.sources:q} --masks {input.masks:q}"
        " --report {output:q}"


rule compute_checkpoint_artifact:
    """Set resumed runs beside the continuous one; attribute the kick to what was not restored."""
    input:
        check="results/{artifact}/checkpoint_artifact_check.json",
        motions=of_the_runs_compared("untrained_motion.safetensors"),
    output:
        table="results/{artifact}/checkpoint_artifact.csv",
        summary="results/{artifact}/checkpoint_artifact.json",
    log:
        "results/{artifact}/logs/compute_checkpoint_artifact.log",
    benchmark:
        "results/{artifact}/benchmarks/compute_checkpoint_artifact.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=checkpoint_artifact_settings,
        code=code_of("compute_checkpoint_artifact", "analysis"),
    shell:
        'python "$scripts"/compute_checkpoint_artifact.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --check {input.check:q} --motions {input.motions:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule plot_checkpoint_artifact:
    """Draw the stitched pair beside the continuous run, and what the kick is made of."""
    input:
        table="results/{artifact}/checkpoint_artifact.csv",
        summary="results/{artifact}/checkpoint_artifact.json",
    output:
        in_report(
            "results/{artifact}/checkpoint_artifact.{format}",
            "checkpoint_artifact",
            "kick",
            "the kick, and what it is made of",
            of="{artifact}",
        ),
    log:
        "results/{artifact}/logs/plot_checkpoint_artifact_{format}.log",
    benchmark:
        "results/{artifact}/benchmarks/plot_checkpoint_artifact_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=artifact_figure_settings,
        code=code_of("plot_checkpoint_artifact", "figures"),
    shell:
        'python "$scripts"/plot_checkpoint_artifact.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"
