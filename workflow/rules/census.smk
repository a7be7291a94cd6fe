"""Which exact structure has an embedding matrix ("frozen smoke")? Equal rows, neighbours, components.

Needs for every entry of `census` the safetensors files of a model, one such file, or the trajectory
of a run that records W; a tokenizer.json, if there is one, and of a run the masks of its corpus.
Leaves in results/census/{census}/ all in short (census.json), a row per vector of the structure
(vectors.csv), per token (tokens.csv) and per component of neighbours on the lattice
(components.csv), and a page to look at all of it with (explorer.html). Of a run that records W in
results/{run}/ the same in time (census_in_time.csv), and of one that began here what its initial cloud
does without training (null_census_in_time.csv). For every entry of `black_holes`, from these, in
results/{black_holes}/ arms of runs beside that null model and the formula of a rounded cloud
(black_holes.csv, black_holes.json).
"""


rule compute_census:
    """Count the black holes of an embedding matrix, their neighbours, and who is in them."""
    input:
        weights=plan.local_input(inputs.census_weights),
        tokenizer=plan.local_input(inputs.census_tokenizer),
        masks=plan.input(inputs.census_masks),
    output:
        summary="results/census/{census}/census.json",
        vectors="results/census/{census}/vectors.csv",
        tokens="results/census/{census}/tokens.csv",
        components="results/census/{census}/components.csv",
    log:
        "results/census/{census}/logs/compute_census.log",
    benchmark:
        "results/census/{census}/benchmarks/compute_census.tsv"
    conda:
        "../envs/tokens.yaml"
    threads: 2
    resources:
        mem_mb=growing(plan.resource(memory_of_census)),
        runtime=growing(60),
    params:
        settings=plan.settings(slices.census),
        code=plan.code("census/compute_census.py", "tokens"),
    shell:
        'python "$scripts"/census/compute_census.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --weights {input.weights:q}"
        " --tokenizer {input.tokenizer:q} --masks {input.masks:q}"
        " --summary {output.summary:q} --vectors {output.vectors:q}"
        " --tokens {output.tokens:q} --components {output.components:q}"


rule write_census_page:
    """Write a page to look at a census with, token by token, which needs no network."""
    input:
        summary="results/census/{census}/census.json",
        vectors="results/census/{census}/vectors.csv",
        tokens="results/census/{census}/tokens.csv",
        components="results/census/{census}/components.csv",
        parts=local(page_parts(PARTS, "census")),
    output:
        "results/census/{census}/explorer.html",
    log:
        "results/census/{census}/logs/write_census_page.log",
    benchmark:
        "results/census/{census}/benchmarks/write_census_page.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        code=plan.code("census/write_census_page.py", "analysis"),
    shell:
        'python "$scripts"/census/write_census_page.py --identity {params.identity} --log {log:q}'
        " --summary {input.summary:q} --vectors {input.vectors:q}"
        " --tokens {input.tokens:q} --components {input.components:q}"
        " --parts {input.parts:q} --page {output:q}"


rule compute_census_in_time:
    """Count black holes, components, coalescences and evaporations at every step of a run."""
    input:
        trajectory=plan.input(inputs.trajectory, "census_in_time"),
        masks=plan.input(inputs.masks),
    output:
        "results/{run}/census_in_time{population}.csv",
    log:
        "results/{run}/logs/compute_census_in_time{population}.log",
    benchmark:
        "results/{run}/benchmarks/compute_census_in_time{population}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.census_in_time),
        code=plan.code("census/compute_census_in_time.py", "analysis"),
    shell:
        'python "$scripts"/census/compute_census_in_time.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q} --table {output:q}"


rule compute_null_census_in_time:
    """Move a run's initial cloud along its recorded drift without training, and count the same."""
    input:
        trajectory=plan.input(inputs.trajectory, "null_census_in_time"),
        masks=plan.input(inputs.masks),
    output:
        table="results/{run}/null_census_in_time.csv",
        centres="results/{run}/null_centres.safetensors",
    log:
        "results/{run}/logs/compute_null_census_in_time.log",
    benchmark:
        "results/{run}/benchmarks/compute_null_census_in_time.tsv"
    conda:
        # The initial weights are drawn as the training draws them, by torch.
        "../envs/training.yaml"
    resources:
        mem_mb=growing(plan.resource(memory_to_read)),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.null_census_in_time),
        code=plan.code("census/compute_null_census_in_time.py", "training"),
    shell:
        'python "$scripts"/census/compute_null_census_in_time.py --identity {params.identity}'
        " --log {log:q} --settings {params.settings:q}"
        " --trajectory {input.trajectory:q} --masks {input.masks:q}"
        " --table {output.table:q} --centres {output.centres:q}"


rule compute_black_holes:
    """Set the black holes of arms of runs beside rounding alone and the formula of a cloud."""
    input:
        censuses=plan.input(inputs.of_black_holes, "census_in_time.csv"),
        nulls=plan.input(inputs.of_black_holes, "null_census_in_time.csv"),
        centres=plan.input(inputs.of_black_holes, "null_centres.safetensors"),
    output:
        table="results/{black_holes}/black_holes.csv",
        summary="results/{black_holes}/black_holes.json",
    log:
        "results/{black_holes}/logs/compute_black_holes.log",
    benchmark:
        "results/{black_holes}/benchmarks/compute_black_holes.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        settings=plan.settings(slices.black_holes),
        code=plan.code("census/compute_black_holes.py", "analysis"),
    shell:
        'python "$scripts"/census/compute_black_holes.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q} --censuses {input.censuses:q} --nulls {input.nulls:q}"
        " --centres {input.centres:q} --table {output.table:q} --summary {output.summary:q}"
