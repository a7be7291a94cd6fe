"""Write a synthetic corpus for the tokenizer and one for the models.

    python workflow/scripts/corpus/make_corpus.py --settings '{"seed": 42, "model_bytes": 5000000,
        "tokenizer_english_bytes": 80000000, "tokenizer_thai_bytes": 20000000,
        "rare_characters": 2400}' \\
        --tokenizer-corpus tokenizer_corpus.txt --model-corpus model_corpus.txt
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.text import synthetic

SETTINGS = (
    "seed",
    "tokenizer_english_bytes",
    "tokenizer_thai_bytes",
    "model_bytes",
    "rare_characters",
)


def main(options):
    with command.finished(options.tokenizer_corpus, options.model_corpus) as (tokenizer, model):
        synthetic.write_corpora(options.settings, tokenizer, model)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    arguments.add_argument("--tokenizer-corpus", type=Path, required=True)
    arguments.add_argument("--model-corpus", type=Path, required=True)
    command.run(main, arguments)
