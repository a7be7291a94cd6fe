"""Check a ready tokenizer, a JSON file of the tokenizers library, and copy it.

    python workflow/scripts/corpus/import_tokenizer.py --settings '{"vocab_size": 10000}' \\
        --given-tokenizer my_tokenizer.json --tokenizer tokenizer.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
import shutil
from pathlib import Path

from deadtokens.text import vocabulary


def main(options):
    vocabulary.load_tokenizer(options.given_tokenizer, options.settings["vocab_size"])
    with command.finished(options.tokenizer) as (copy,):
        shutil.copyfile(options.given_tokenizer, copy)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "vocab_size")
    arguments.add_argument("--given-tokenizer", type=Path, required=True)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    command.run(main, arguments)
