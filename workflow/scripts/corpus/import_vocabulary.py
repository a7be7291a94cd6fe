"""Check the two files of a GPT-2 tokenizer, and write them as one tokenizer JSON.

    python workflow/scripts/corpus/import_vocabulary.py --settings '{"vocab_size": 50257}' \\
        --vocab vocab.json --merges merges.txt --tokenizer tokenizer.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.text import byte_level, vocabulary


def main(options):
    tokenizer = byte_level.read(options.vocab, options.merges)
    vocabulary.check_size(tokenizer, options.vocab, options.settings["vocab_size"])
    with command.finished(options.tokenizer) as (path,):
        path.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")


if __name__ == "__main__":
    arguments = command.parser(__doc__, "vocab_size")
    arguments.add_argument("--vocab", type=Path, required=True)
    arguments.add_argument("--merges", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    command.run(main, arguments)
