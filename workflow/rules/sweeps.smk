"""Many runs at once: from the summaries of a sweep's runs to one table.

Needs results/{run}/summary.json of every run of the sweep, each made by jobs of its own. Leaves
results/{sweep}/sweep.csv, a row per run with the values that it was given.
"""


rule compare_sweep:
    """Set the runs of a sweep side by side."""
    input:
        summaries_of_sweep,
    output:
        "results/{sweep}/sweep.csv",
    log:
        "results/{sweep}/logs/compare_sweep.log",
    benchmark:
        "results/{sweep}/benchmarks/compare_sweep.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=sweep_settings,
        code=code_of("compare_sweep", "analysis"),
    shell:
        'python "$scripts"/compare_sweep.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --summaries {input:q} --table {output:q}"
