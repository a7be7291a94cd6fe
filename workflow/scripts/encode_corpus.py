"""Turn a corpus into token ids: one int32 tensor, `tokens`.

    python workflow/scripts/encode_corpus.py --tokenizer tokenizer.json \\
        --corpus model_corpus.txt --tokens tokens.safetensors
"""

import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens.files.trajectory import write_file
from deadtokens.text import vocabulary


def main(options):
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    tokens = np.concatenate(list(vocabulary.encode(tokenizer, options.corpus)))
    with command.finished(options.tokens) as (path,):
        write_file(path, {"tokens": tokens})


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--corpus", type=Path, required=True)
    arguments.add_argument("--tokens", type=Path, required=True)
    command.run(main, arguments)
