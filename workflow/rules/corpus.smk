"""From text to dead tokens.

Needs nothing (`source: synthetic`) or the user's own text (`source: files`), and leaves in
results/corpora/{corpus}/ the tokenizer corpus and the model corpus (text), the tokenizer (JSON),
the model corpus as token ids and the live and dead masks (safetensors) with a report (JSON); on
request a table of all tokens (CSV).
"""


rule make_corpus:
    """Write the synthetic text: one part for the tokenizer, one for the models."""
    output:
        tokenizer_corpus="results/corpora/{corpus}/tokenizer_corpus.txt",
        model_corpus="results/corpora/{corpus}/model_corpus.txt",
    log:
        "results/corpora/{corpus}/logs/make_corpus.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/make_corpus.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.is_synthetic, plan.configuration),
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=plan.settings(
            slices.corpus,
            "seed",
            "tokenizer_english_bytes",
            "tokenizer_thai_bytes",
            "model_bytes",
            "rare_characters",
        ),
        code=plan.code("corpus/make_corpus.py", "text"),
    shell:
        'python "$scripts"/corpus/make_corpus.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --tokenizer-corpus {output.tokenizer_corpus:q} --model-corpus {output.model_corpus:q}"


rule import_model_corpus:
    """Check the user's model corpus and copy it."""
    input:
        plan.given_file("model_corpus_file"),
    output:
        "results/corpora/{corpus}/model_corpus.txt",
    log:
        "results/corpora/{corpus}/logs/import_model_corpus.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/import_model_corpus.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.is_imported, plan.configuration),
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=plan.code("corpus/import_corpus.py", "text"),
    shell:
        'python "$scripts"/corpus/import_corpus.py --identity {params.identity} --log {log:q}'
        " --text {input:q} --corpus {output:q}"


rule import_tokenizer_corpus:
    """Check the user's tokenizer corpus and copy it."""
    input:
        plan.given_file("tokenizer_corpus_file"),
    output:
        "results/corpora/{corpus}/tokenizer_corpus.txt",
    log:
        "results/corpora/{corpus}/logs/import_tokenizer_corpus.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/import_tokenizer_corpus.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.is_imported, plan.configuration),
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=plan.code("corpus/import_corpus.py", "text"),
    shell:
        'python "$scripts"/corpus/import_corpus.py --identity {params.identity} --log {log:q}'
        " --text {input:q} --corpus {output:q}"


rule train_tokenizer:
    """Train a BPE of exactly vocab_size entries, of characters or of bytes."""
    input:
        "results/corpora/{corpus}/tokenizer_corpus.txt",
    output:
        "results/corpora/{corpus}/tokenizer.json",
    log:
        "results/corpora/{corpus}/logs/train_tokenizer.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/train_tokenizer.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.trains_its_tokenizer, plan.configuration),
    conda:
        "../envs/text.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=plan.settings(slices.corpus, "tokenizer", "vocab_size", "min_frequency"),
        code=plan.code("corpus/train_tokenizer.py", "text"),
    shell:
        'python "$scripts"/corpus/train_tokenizer.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --corpus {input:q} --tokenizer {output:q}"


rule import_tokenizer:
    """Check the user's ready tokenizer and copy it."""
    input:
        plan.given_file("tokenizer_file"),
    output:
        "results/corpora/{corpus}/tokenizer.json",
    log:
        "results/corpora/{corpus}/logs/import_tokenizer.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/import_tokenizer.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.has_tokenizer_file, plan.configuration),
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.corpus, "vocab_size"),
        code=plan.code("corpus/import_tokenizer.py", "text"),
    shell:
        'python "$scripts"/corpus/import_tokenizer.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --given-tokenizer {input:q} --tokenizer {output:q}"


rule import_vocabulary:
    """Check the two files of the user's GPT-2 tokenizer and make one JSON of them."""
    input:
        vocab=plan.given_file("vocab_file"),
        merges=plan.given_file("merges_file"),
    output:
        "results/corpora/{corpus}/tokenizer.json",
    log:
        "results/corpora/{corpus}/logs/import_vocabulary.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/import_vocabulary.tsv"
    wildcard_constraints:
        corpus=corpora.where(corpora.has_vocab_file, plan.configuration),
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        settings=plan.settings(slices.corpus, "vocab_size"),
        code=plan.code("corpus/import_vocabulary.py", "text"),
    shell:
        'python "$scripts"/corpus/import_vocabulary.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --vocab {input.vocab:q} --merges {input.merges:q} --tokenizer {output:q}"


rule encode_corpus:
    """Turn the model corpus into token ids, and count the characters that have none."""
    input:
        tokenizer="results/corpora/{corpus}/tokenizer.json",
        corpus="results/corpora/{corpus}/model_corpus.txt",
    output:
        tokens="results/corpora/{corpus}/tokens.safetensors",
        report="results/corpora/{corpus}/tokens.json",
    log:
        "results/corpora/{corpus}/logs/encode_corpus.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/encode_corpus.tsv"
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.corpus, "max_lost_share"),
        code=plan.code("corpus/encode_corpus.py", "text"),
    shell:
        'python "$scripts"/corpus/encode_corpus.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --tokenizer {input.tokenizer:q} --corpus {input.corpus:q}"
        " --tokens {output.tokens:q} --report {output.report:q}"


rule find_dead_tokens:
    """Distinguish live tokens from dead ones; report dead tokens by script and the corpora's overlap."""
    input:
        tokens="results/corpora/{corpus}/tokens.safetensors",
        losses="results/corpora/{corpus}/tokens.json",
        tokenizer="results/corpora/{corpus}/tokenizer.json",
        model_corpus="results/corpora/{corpus}/model_corpus.txt",
        tokenizer_corpus=plan.input(inputs.tokenizer_corpus),
        given_masks=plan.given_file("mask_file"),
    output:
        masks="results/corpora/{corpus}/masks.safetensors",
        report="results/corpora/{corpus}/masks.json",
    log:
        "results/corpora/{corpus}/logs/find_dead_tokens.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/find_dead_tokens.tsv"
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=plan.settings(slices.corpus, "mask_names"),
        code=plan.code("corpus/find_dead_tokens.py", "text"),
    shell:
        'python "$scripts"/corpus/find_dead_tokens.py --identity {params.identity} --log {log:q}'
        " --settings {params.settings:q}"
        " --tokens {input.tokens:q} --losses {input.losses:q} --tokenizer {input.tokenizer:q}"
        " --model-corpus {input.model_corpus:q} --tokenizer-corpus {input.tokenizer_corpus:q}"
        " --given-masks {input.given_masks:q}"
        " --masks {output.masks:q} --report {output.report:q}"


rule list_tokens:
    """List every token: what it says, its script and count, dead or live, reachable by text or not."""
    input:
        tokens="results/corpora/{corpus}/tokens.safetensors",
        tokenizer="results/corpora/{corpus}/tokenizer.json",
        masks="results/corpora/{corpus}/masks.safetensors",
    output:
        "results/corpora/{corpus}/tokens.csv",
    log:
        "results/corpora/{corpus}/logs/list_tokens.log",
    benchmark:
        "results/corpora/{corpus}/benchmarks/list_tokens.tsv"
    conda:
        "../envs/text.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=plan.code("corpus/list_tokens.py", "text"),
    shell:
        'python "$scripts"/corpus/list_tokens.py --identity {params.identity} --log {log:q}'
        " --tokens {input.tokens:q} --tokenizer {input.tokenizer:q} --masks {input.masks:q}"
        " --table {output:q}"
