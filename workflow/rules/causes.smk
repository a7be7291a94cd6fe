"""What freezes them? The update law, its second moment, an account of one run, and runs set apart.

Needs results/{run}/trajectory.* of a run that records W, m and v, and the masks of its corpus. Leaves
in results/{run}/ the share of elements that the pinned arithmetic predicts bit for bit (audit.json);
with v and g, as Adam saw them, how often v rose, fell and stood still and what float32 would have
made of the same gradients (second_moment.csv, .json); with W, m, v and g of weights that are rounded
what each cause contributes at each step (account.csv, .json); of a run that records W how many tokens and elements move at every step (course.csv), of a run that was resumed with all that
decides its steps together with what it was resumed from. For every entry of `causes.onsets`, from the
courses of its runs, in results/{onset}/ the curves of every arm over time (onset.csv) and what came out
of each with the effects (onset.json). For every entry of `causes.forecasts`, from the states of its runs and
what became of them, in results/{forecast}/ a row per token and random seed (forecast.csv), and what
could be predicted, with the power of the test (forecast.json).
"""


rule audit_updates:
    """Predict every recorded state from the one before it, bit for bit."""
    input:
        trajectory=plan.input(inputs.trajectory, "audit"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
    output:
        "results/{run}/audit.json",
    log:
        "results/{run}/logs/audit_updates.log",
    benchmark:
        "results/{run}/benchmarks/audit_updates.tsv"
    conda:
        # The arithmetic that is audited is that of the training, in torch.
        "../envs/training.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.audit),
        code=plan.code("causes/audit_updates.py", "training"),
    shell:
        'python "$scripts"/causes/audit_updates.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --audit {output:q}"


rule compute_second_moment:
    """Measure the ratchet of v, and what float32 would have made of the same gradients."""
    input:
        trajectory=plan.input(inputs.trajectory, "second_moment"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
    output:
        table="results/{run}/second_moment.csv",
        summary="results/{run}/second_moment.json",
    log:
        "results/{run}/logs/compute_second_moment.log",
    benchmark:
        "results/{run}/benchmarks/compute_second_moment.tsv"
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.second_moment),
        code=plan.code("causes/compute_second_moment.py", "training"),
    shell:
        'python "$scripts"/causes/compute_second_moment.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule compute_account:
    """Split the fall of updates into its causes, step by step."""
    input:
        trajectory=plan.input(inputs.trajectory, "account"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
    output:
        table="results/{run}/account.csv",
        summary="results/{run}/account.json",
    log:
        "results/{run}/logs/compute_account.log",
    benchmark:
        "results/{run}/benchmarks/compute_account.tsv"
    conda:
        # The arithmetic is that of the training, in torch.
        "../envs/training.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.account),
        code=plan.code("causes/compute_account.py", "training"),
    shell:
        'python "$scripts"/causes/compute_account.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule compute_course:
    """Count how many tokens, and how many of their elements, move at every step."""
    input:
        trajectories=plan.input(inputs.of_course, ""),
        displacements=plan.input(inputs.of_course, "displacement.safetensors"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
    output:
        "results/{run}/course.csv",
    log:
        "results/{run}/logs/compute_course.log",
    benchmark:
        "results/{run}/benchmarks/compute_course.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.course),
        code=plan.code("causes/compute_course.py", "analysis"),
    shell:
        'python "$scripts"/causes/compute_course.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectories {input.trajectories:q} --displacements {input.displacements:q}"
        " --masks {input.masks:q} --table {output:q}"


rule compute_onset:
    """Set arms of runs beside their reference, seed by seed."""
    input:
        courses=plan.input(inputs.of_arms, "course.csv", "course"),
        moments=plan.input(inputs.of_arms, "second_moment.csv", "second_moment"),
    output:
        table="results/{onset}/onset.csv",
        summary="results/{onset}/onset.json",
    log:
        "results/{onset}/logs/compute_onset.log",
    benchmark:
        "results/{onset}/benchmarks/compute_onset.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.onset),
        code=plan.code("causes/compute_onset.py", "analysis"),
    shell:
        'python "$scripts"/causes/compute_onset.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --courses {input.courses:q} --second-moments {input.moments:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule compute_forecast:
    """Predict from a state when tokens stop, on random seeds that had no part in the choice."""
    input:
        states=plan.input(inputs.of_pairs, "state", "trajectory"),
        outcomes=plan.input(inputs.of_pairs, "outcome", "trajectory"),
        displacements=plan.input(inputs.of_pairs, "outcome", "displacement.safetensors"),
        freezing=plan.input(inputs.of_pairs, "outcome", "freezing.csv"),
        masks=plan.input(inputs.masks_of_pairs),
    output:
        table="results/{forecast}/forecast.csv",
        summary="results/{forecast}/forecast.json",
    log:
        "results/{forecast}/logs/compute_forecast.log",
    benchmark:
        "results/{forecast}/benchmarks/compute_forecast.tsv"
    conda:
        # The arithmetic of updates is that of the training, in torch.
        "../envs/training.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.forecast),
        code=plan.code("causes/compute_forecast.py", "training"),
    shell:
        'python "$scripts"/causes/compute_forecast.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --states {input.states:q} --outcomes {input.outcomes:q}"
        " --displacements {input.displacements:q} --freezing {input.freezing:q}"
        " --masks {input.masks:q} --table {output.table:q} --summary {output.summary:q}"
