"""Fetch a ready tokenizer from the Hub at a pinned revision, check it, and say what was taken.

    python workflow/scripts/corpus/fetch_tokenizer.py --settings '{"vocab_size": 50257,
        "tokenizer_from": {"repository": "me/model", "revision": "v1.0.0", "sha256": null}}' \\
        --key corpora.mine.tokenizer_from --tokenizer tokenizer.json --source tokenizer_source.json

A repository without tokenizer.json gives the two files of GPT-2's kind, vocab.json and merges.txt.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.hub import tokenizers
from deadtokens.text import byte_level, vocabulary


def main(options):
    settings = options.settings
    paths, taken = tokenizers.fetch(settings["tokenizer_from"], options.key)
    if len(paths) == 1:
        vocabulary.load_tokenizer(paths[0], settings["vocab_size"])
        content = paths[0].read_bytes()
    else:
        tokenizer = byte_level.read(*paths)
        vocabulary.check_size(tokenizer, paths[0], settings["vocab_size"])
        content = tokenizer.to_str(pretty=True).encode()
    with command.finished(options.tokenizer, options.source) as (path, source):
        path.write_bytes(content)
        command.write_json(source, taken)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "tokenizer_from", "vocab_size")
    arguments.add_argument("--key", required=True, help="where the tokenizer is configured")
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--source", type=Path, required=True)
    command.run(main, arguments)
