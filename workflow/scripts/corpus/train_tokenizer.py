"""Train a BPE tokenizer, of characters or of bytes, of exactly vocab_size entries.

    python workflow/scripts/corpus/train_tokenizer.py --settings '{"tokenizer": "characters",
        "vocab_size": 10000, "min_frequency": 2}' \\
        --corpus tokenizer_corpus.txt --tokenizer tokenizer.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.text import vocabulary


def main(options):
    settings = options.settings
    tokenizer = vocabulary.train_tokenizer(
        options.corpus, settings["vocab_size"], settings["min_frequency"], settings["tokenizer"]
    )
    with command.finished(options.tokenizer) as (path,):
        path.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__, "tokenizer", "vocab_size", "min_frequency")
    arguments.add_argument("--corpus", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    command.run(main, arguments)
