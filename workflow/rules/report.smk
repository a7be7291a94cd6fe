"""The verdicts on the questions of the published notebooks, and what results/report.html shows.

Needs the statistics (JSON) of the runs in the report. Leaves the verdicts as JSON, as a table (CSV)
and as a page (HTML), a page of provenance, and from the files that `findings.sources` names the findings
(Markdown, and findings.json, which of its sources is which); of any run with weights a page to look at
its tokens with (explorer.html), to which the opening of the report leads. `make report` asks for `report_results` and then has
Snakemake put it all into one page that needs no network.
"""

# A workflow that imports this one has an opening of its own, or none.
if workflow.modifier.is_main_snakefile():

    report: "../report/workflow.rst"


rule judge_questions:
    """Judge the questions of the published notebooks by the rules of the configuration."""
    input:
        evidence(plan.configuration),
    output:
        verdicts="results/verdicts.json",
        table=report(
            "results/verdicts.csv",
            caption="../report/verdicts.rst",
            category="Verdicts",
            subcategory="all runs",
            labels={"shows": "table"},
        ),
    log:
        "results/logs/judge_questions.log",
    benchmark:
        "results/benchmarks/judge_questions.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.verdicts),
        code=plan.code("report/judge_questions.py", "analysis"),
    shell:
        'python "$scripts"/report/judge_questions.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --evidence {input:q} --verdicts {output.verdicts:q} --table {output.table:q}"


rule write_verdicts_page:
    """Write the verdicts as a page, which also stands at the opening of the report."""
    input:
        "results/verdicts.json",
    output:
        report(
            "results/verdicts.html",
            caption="../report/verdicts.rst",
            category="Verdicts",
            subcategory="all runs",
            labels={"shows": "page"},
        ),
    log:
        "results/logs/write_verdicts_page.log",
    benchmark:
        "results/benchmarks/write_verdicts_page.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=plan.code("report/write_verdicts_page.py", "analysis"),
    shell:
        'python "$scripts"/report/write_verdicts_page.py --identity {params.identity} --log {log:q}'
        " --verdicts {input:q} --page {output:q}"


rule write_runs_page:
    """Write what came out of every run, beside the published figures."""
    input:
        summaries=expand("results/{run}/summary.json", run=plan.configuration["report"]["runs"]),
        published=local(PUBLISHED),
    output:
        report(
            "results/runs.html",
            caption="../report/runs.rst",
            category="Runs",
            subcategory="all runs",
            labels={"shows": "page"},
        ),
    log:
        "results/logs/write_runs_page.log",
    benchmark:
        "results/benchmarks/write_runs_page.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=plan.code("report/write_runs_page.py", "analysis"),
    shell:
        'python "$scripts"/report/write_runs_page.py --identity {params.identity} --log {log:q}'
        " --published {input.published:q}"
        " --summaries {input.summaries:q} --page {output:q}"


rule write_provenance_page:
    """Write what computed every run, on what, and with which settings."""
    input:
        expand("results/{run}/metadata.json", run=plan.configuration["report"]["runs"]),
    output:
        report(
            "results/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            subcategory="all runs",
            labels={"shows": "page"},
        ),
    log:
        "results/logs/write_provenance_page.log",
    benchmark:
        "results/benchmarks/write_provenance_page.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.provenance),
        code=plan.code("report/write_provenance_page.py", "analysis"),
    shell:
        'python "$scripts"/report/write_provenance_page.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --metadata {input:q} --page {output:q}"


rule write_explorer:
    """Write a page to look at single tokens of a run with, which needs no network."""
    input:
        trajectory=plan.input(inputs.trajectory, "explorer"),
        masks=plan.input(inputs.of_its_corpus, "masks.safetensors"),
        displacement="results/{run}/displacement.safetensors",
        freezing="results/{run}/freezing.csv",
        distance=plan.input(inputs.if_possible, "momentum_distance.safetensors", "momentum"),
        parts=local(page_parts(PARTS, "explorer")),
    output:
        "results/{run}/explorer.html",
    log:
        "results/{run}/logs/write_explorer.log",
    benchmark:
        "results/{run}/benchmarks/write_explorer.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.explorer),
        code=plan.code("report/write_explorer.py", "analysis"),
    shell:
        'python "$scripts"/report/write_explorer.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --displacement {input.displacement:q} --freezing {input.freezing:q}"
        " --distance {input.distance:q} --parts {input.parts:q} --page {output:q}"


rule list_machines:
    """List what computed the runs behind the findings: machines, versions, states of the code."""
    input:
        plan.input(findings.metadata),
    output:
        "results/machines.json",
    log:
        "results/logs/list_machines.log",
    benchmark:
        "results/benchmarks/list_machines.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        code=plan.code("report/list_machines.py", "analysis"),
    shell:
        'python "$scripts"/report/list_machines.py --identity {params.identity} --log {log:q}'
        " --metadata {input:q} --machines {output:q}"


rule write_findings:
    """Write the findings: words from a template, every number from a file that a rule made."""
    input:
        sources=plan.input(findings.sources),
        published=local(PUBLISHED),
        template=local(FINDINGS),
    output:
        page="results/findings.md",
        manifest="results/findings.json",
    log:
        "results/logs/write_findings.log",
    benchmark:
        "results/benchmarks/write_findings.tsv"
    conda:
        "../envs/findings.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.findings),
        code=plan.code("report/write_findings.py", "findings"),
    shell:
        'python "$scripts"/report/write_findings.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --template {input.template:q}"
        " --published {input.published:q} --sources {input.sources:q}"
        " --page {output.page:q} --manifest {output.manifest:q}"
