"""Check a text of one's own and copy it; the file itself is only read.

python workflow/scripts/corpus/import_corpus.py --text my_text.txt --corpus model_corpus.txt
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.text import corpus


def main(options):
    with command.finished(options.corpus) as (copy,):
        corpus.import_text(options.text, copy)


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--text", type=Path, required=True)
    arguments.add_argument("--corpus", type=Path, required=True)
    command.run(main, arguments)
