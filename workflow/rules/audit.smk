"""What the record says of Adam: the update law, audited, and the ratchet of its second moment.

Needs results/{run}/trajectory.* of a run that records W, m and v, of dead rows or of all, and the
masks of its corpus. Leaves results/{run}/audit.json: the share of elements that the pinned
arithmetic predicts bit for bit, and the first that it does not. Of a run that records v and g, as
Adam saw them, results/{run}/second_moment.csv and .json: how often v rose, fell and stood still, and
what v in float32 would have been along the same gradients.
"""


rule audit_updates:
    """Predict every recorded state from the one before it, bit for bit."""
    input:
        trajectory=trajectory_unless(analyses.why_no_audit),
        masks=of_its_corpus("masks.safetensors"),
    output:
        "results/{run}/audit.json",
    log:
        "results/{run}/logs/audit_updates.log",
    benchmark:
        "results/{run}/benchmarks/audit_updates.tsv"
    conda:
        # The arithmetic that is audited is that of the training, in torch.
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(120),
    params:
        settings=audit_settings,
        code=code_of("audit_updates", "training"),
    shell:
        'python "$scripts"/audit_updates.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --audit {output:q}"


rule compute_second_moment:
    """Measure the ratchet of v, and what float32 would have made of the same gradients."""
    input:
        trajectory=trajectory_unless(analyses.why_no_second_moment),
        masks=of_its_corpus("masks.safetensors"),
    output:
        table="results/{run}/second_moment.csv",
        summary="results/{run}/second_moment.json",
    log:
        "results/{run}/logs/compute_second_moment.log",
    benchmark:
        "results/{run}/benchmarks/compute_second_moment.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(120),
    params:
        settings=second_moment_settings,
        code=code_of("compute_second_moment", "training"),
    shell:
        'python "$scripts"/compute_second_moment.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --table {output.table:q} --summary {output.summary:q}"
