"""The onset of the freeze: when tokens stop in arms of runs, and what makes it go away.

Needs, for every run that an entry of onsets names, results/{run}/displacement.safetensors, and
second_moment.csv of those that record v and g. Leaves in results/{onset}/ the curves of every arm
over time (CSV), what came out of each with the effects (JSON), and the figure.
"""


rule compute_onset:
    """Set arms of runs beside their reference, seed by seed."""
    input:
        displacements=displacements_of_onset,
        moments=second_moments_of_onset,
    output:
        table="results/{onset}/onset.csv",
        summary="results/{onset}/onset.json",
    log:
        "results/{onset}/logs/compute_onset.log",
    benchmark:
        "results/{onset}/benchmarks/compute_onset.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=onset_settings,
        code=code_of("compute_onset", "analysis"),
    shell:
        'python "$scripts"/compute_onset.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --displacements {input.displacements:q} --second-moments {input.moments:q}"
        " --table {output.table:q} --summary {output.summary:q}"


rule plot_onset:
    """Draw when the arms freeze, how far they move, and how much of the freeze goes away."""
    input:
        table="results/{onset}/onset.csv",
        summary="results/{onset}/onset.json",
    output:
        in_report(
            "results/{onset}/onset.{format}",
            "onset",
            "causes",
            "when tokens freeze, and what makes it go away",
            of="{onset}",
        ),
    log:
        "results/{onset}/logs/plot_onset_{format}.log",
    benchmark:
        "results/{onset}/benchmarks/plot_onset_{format}.tsv"
    wildcard_constraints:
        format="png|svg|pdf",
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=onset_figure_settings,
        code=code_of("plot_onset", "figures"),
    shell:
        'python "$scripts"/plot_onset.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --table {input.table:q} --summary {input.summary:q}"
        " --figure {output:q}"
