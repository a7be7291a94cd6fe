"""Fetch a text from the Hub, documents of data sets at pinned revisions, and say what was taken.

    python workflow/scripts/corpus/fetch_text.py --settings '{"parts": [{"repository": "me/web",
        "revision": "v1.0.0", "config": null, "split": "train", "column": "text",
        "bytes": 5000000, "skip": 0, "sha256": null}]}' --key corpora.mine.model_corpus_from \\
        --text model_corpus.txt --source model_corpus_source.json

What was fetched is kept beside the text under a hidden name: a call after a broken connection or a
kill continues there. HF_ENDPOINT, HF_HOME and HF_TOKEN are what they are to the Hub's own clients.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.hub import texts
from deadtokens.hub.kept import Kept

BYTES_PER_UNIT = 1000


def main(options):
    parts = options.settings["parts"]
    units = sum(part["bytes"] for part in parts) // BYTES_PER_UNIT
    with Kept(options.text, parts) as kept:
        progress = command.Progress(units, "kB", done=min(kept.bytes // BYTES_PER_UNIT, units))
        texts.fetch(
            kept, parts, options.key, lambda done: progress(min(done // BYTES_PER_UNIT, units))
        )
        with command.finished(options.text, options.source) as (text, source):
            kept.give(text)
            command.write_json(source, {"parts": texts.record(parts, kept.taken)})


if __name__ == "__main__":
    arguments = command.parser(__doc__, "parts")
    arguments.add_argument("--key", required=True, help="where the parts are configured")
    arguments.add_argument("--text", type=Path, required=True)
    arguments.add_argument("--source", type=Path, required=True)
    command.run(main, arguments)
