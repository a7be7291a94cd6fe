"""List every token: what it says, its script, how often it occurs, dead or live, reachable or not.

    python workflow/scripts/corpus/list_tokens.py --tokens tokens.safetensors \\
        --tokenizer tokenizer.json --masks masks.safetensors --table tokens.csv
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import tables, tokens
from deadtokens.recorded.rows import read_dead_mask
from deadtokens.text import listing, vocabulary


def main(options):
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    counts = vocabulary.count_tokens(tokens.read(options.tokens), tokenizer.get_vocab_size())
    dead = read_dead_mask(options.masks)
    listing.check(dead, counts, options.masks)
    with command.finished(options.table) as (path,):
        tables.write(path, listing.table(tokenizer, dead, counts))


if __name__ == "__main__":
    arguments = command.parser(__doc__)
    for name in ("tokens", "tokenizer", "masks", "table"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
