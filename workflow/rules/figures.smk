"""From tables to pictures, all by one program; nothing here computes.

Needs the tables of results/{run}/ (or of a comparison) that planning/figures.py declares for each
picture, and leaves the picture beside them, as PNG, SVG or PDF.
"""

for figure in figures.FIGURES:

    rule:
        name:
            figure.job
        input:
            **figure.files,
        output:
            report(
                figure.path,
                caption=f"../report/{figure.name}.rst",
                category=chapter(plan.configuration, figure.question),
                subcategory=f"{{{figure.folder}}}",
                labels={"shows": figure.label},
            ),
        log:
            figure.of_job("logs", "log"),
        benchmark:
            figure.of_job("benchmarks", "tsv")
        conda:
            "../envs/figures.yaml"
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            settings=plan.settings(slices.figure),
            code=plan.drawing(figure),
            # What stands in `shell` is filled in when a job runs, after the loop has ended.
            figure=f"{figure.question}/{figure.name}",
            tables=options,
        shell:
            'python "$scripts"/figures/draw_figure.py {params.figure} --identity {params.identity}'
            " --log {log:q} --settings {params.settings:q} {params.tables} --figure {output:q}"
