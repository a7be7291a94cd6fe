"""The update law, audited: does every recorded state follow from the one before it?

Needs results/{run}/trajectory.* of a run that records W, m and v, of dead rows or of all, and the
masks of its corpus. Leaves results/{run}/audit.json: the share of elements that the pinned
arithmetic predicts bit for bit, and the first that it does not.
"""


rule audit_updates:
    """Predict every recorded state from the one before it, bit for bit."""
    input:
        trajectory=rows_with("W", "m", "v"),
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
        mem_mb=memory_to_read,
        runtime=120,
    params:
        settings=audit_settings,
        code=code_of("audit_updates", "training"),
    shell:
        'python "$scripts"/audit_updates.py --settings {params.settings:q} --log {log:q}'
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --audit {output:q}"
