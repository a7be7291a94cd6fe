"""A causal account of the freeze: what made updates shrink against the lattice, and what follows.

Needs results/{run}/trajectory.* of a run that records W, m, v and g as Adam saw them and whose
weights are rounded after each update, and the masks of its corpus. Leaves in results/{run}/ what
each cause contributes at each step (account.csv), for each token when it was foretold to freeze and
when it moved last (account_tokens.csv), all of it in short (account.json), and the figure.
"""


rule compute_account:
    """Split the fall of updates into its causes; hold a forecast of the freeze to the outcome."""
    input:
        trajectory=trajectory_unless(why_no_account),
        masks=of_its_corpus("masks.safetensors"),
    output:
        table="results/{run}/account.csv",
        tokens="results/{run}/account_tokens.csv",
        summary="results/{run}/account.json",
    log:
        "results/{run}/logs/compute_account.log",
    benchmark:
        "results/{run}/benchmarks/compute_account.tsv"
    conda:
        # The arithmetic is that of the training, in torch.
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(memory_to_read),
        runtime=growing(120),
    params:
        settings=account_settings,
        code=code_of("compute_account", "training"),
    shell:
        'python "$scripts"/compute_account.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --table {output.table:q} --tokens {output.tokens:q} --summary {output.summary:q}"


rule plot_account:
    """Draw the causes, what rounding swallows, and the forecast beside what happened."""
    input:
        table="results/{run}/account.csv",
        tokens="results/{run}/account_tokens.csv",
        summary="results/{run}/account.json",
    output:
        in_report("results/{run}/account.{format}", "account", "cohorts", "causes of the freeze"),
    log:
        "results/{run}/logs/plot_account_{format}.log",
    benchmark:
        "results/{run}/benchmarks/plot_account_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=figure_settings,
        code=code_of("plot_account", "figures"),
    shell:
        'python "$scripts"/plot_account.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --tokens {input.tokens:q} --summary {input.summary:q}"
        " --figure {output:q}"
