"""The verdicts on the seeds' questions, and what results/report.html shows.

Needs the statistics (JSON) of the runs in the report. Leaves the verdicts as JSON, as a table (CSV)
and as a page (HTML), and a page of provenance. `make report` asks for `report_results` and then has
Snakemake put it all into one page that needs no network.
"""


report: "../report/workflow.rst"


rule judge_questions:
    """Judge the questions of the published notebooks by the rules of the configuration."""
    input:
        evidence(),
    output:
        verdicts="results/verdicts.json",
        table=in_report("results/verdicts.csv", "verdicts", "Verdicts", "table", of="all runs"),
    log:
        "results/logs/judge_questions.log",
    benchmark:
        "results/benchmarks/judge_questions.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=verdict_settings(),
        code=code_of("judge_questions", "analysis"),
    shell:
        'python "$scripts"/judge_questions.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --evidence {input:q} --verdicts {output.verdicts:q} --table {output.table:q}"


rule write_verdicts_page:
    """Write the verdicts as a page, which also stands at the opening of the report."""
    input:
        "results/verdicts.json",
    output:
        in_report("results/verdicts.html", "verdicts", "Verdicts", "page", of="all runs"),
    log:
        "results/logs/write_verdicts_page.log",
    benchmark:
        "results/benchmarks/write_verdicts_page.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=code_of("write_verdicts_page", "analysis"),
    shell:
        'python "$scripts"/write_verdicts_page.py --identity {params.identity} --log {log:q}'
        " --verdicts {input:q} --page {output:q}"


rule write_runs_page:
    """Write what came out of every run, beside the published figures."""
    input:
        summaries=expand("results/{run}/summary.json", run=REPORT["runs"]),
        published=local(f"{workflow.basedir}/workflow/report/published.json"),
    output:
        in_report("results/runs.html", "runs", "Runs", "page", of="all runs"),
    log:
        "results/logs/write_runs_page.log",
    benchmark:
        "results/benchmarks/write_runs_page.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=code_of("write_runs_page", "analysis"),
    shell:
        'python "$scripts"/write_runs_page.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --page {output:q}"


rule write_provenance_page:
    """Write what computed every run, on what, and with which settings."""
    input:
        expand("results/{run}/metadata.json", run=REPORT["runs"]),
    output:
        in_report("results/provenance.html", "provenance", "Provenance", "page", of="all runs"),
    log:
        "results/logs/write_provenance_page.log",
    benchmark:
        "results/benchmarks/write_provenance_page.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=provenance_settings(),
        code=code_of("write_provenance_page", "analysis"),
    shell:
        'python "$scripts"/write_provenance_page.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --metadata {input:q} --page {output:q}"
