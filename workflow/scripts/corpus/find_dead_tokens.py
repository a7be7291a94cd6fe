"""Distinguish live tokens from dead ones; report them by script and the overlap of two corpora.

    python workflow/scripts/corpus/find_dead_tokens.py --settings '{"mask_names": "live_dead"}' \\
        --tokens tokens.safetensors --losses tokens.json --tokenizer tokenizer.json \\
        --model-corpus model_corpus.txt --tokenizer-corpus tokenizer_corpus.txt \\
        --masks masks.safetensors --report masks.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import documents, tokens
from deadtokens.files.trajectory import write_file
from deadtokens.text import corpus, vocabulary


def main(options):
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    counts = vocabulary.count_tokens(tokens.read(options.tokens), tokenizer.get_vocab_size())
    dead = counts == 0
    if options.given_masks:
        dead = vocabulary.given_dead_mask(options.given_masks, counts)
    masks = vocabulary.masks(dead, counts, options.settings["mask_names"])
    report = vocabulary.report_dead(tokenizer, dead, counts)
    report["text"] = documents.read(options.losses)
    if options.tokenizer_corpus:
        report["overlap_with_tokenizer_corpus"] = corpus.overlap(
            options.model_corpus, options.tokenizer_corpus
        )
    with command.finished(options.masks, options.report) as (masks_path, report_path):
        write_file(masks_path, masks)
        command.write_json(report_path, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "mask_names")
    arguments.add_argument("--tokens", type=Path, required=True)
    arguments.add_argument("--losses", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--model-corpus", type=Path, required=True)
    # No value, as when the workflow has none to give, is the same as no option.
    arguments.add_argument("--tokenizer-corpus", type=Path, nargs="?")
    arguments.add_argument("--given-masks", type=Path, nargs="?")
    arguments.add_argument("--masks", type=Path, required=True)
    arguments.add_argument("--report", type=Path, required=True)
    command.run(main, arguments)
