"""Turn a corpus into token ids: one int32 tensor, `tokens`; and count what is lost of it.

    python workflow/scripts/corpus/encode_corpus.py --settings '{"max_lost_share": 0.01}' \\
        --tokenizer tokenizer.json --corpus model_corpus.txt --tokens tokens.safetensors \\
        --report tokens.json

Characters that the tokenizer has no entry for vanish, or become its unknown token. It is an error
if they are more than `max_lost_share` of those that are no whitespace.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

import numpy as np

from deadtokens.files.trajectory import write_file
from deadtokens.text import vocabulary
from deadtokens.text.losses import Losses


def main(options):
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    losses = Losses(tokenizer, f"the tokenizer {options.tokenizer}")
    tokens = np.concatenate(list(vocabulary.encode(tokenizer, options.corpus, losses=losses)))
    losses.check(options.settings["max_lost_share"], options.corpus)
    report = losses.report()
    command.log.info(
        "%d tokens; of %d characters that are no whitespace, %d vanished and %d became the unknown "
        "token: %.4f %% of the text is lost",
        len(tokens),
        report["characters"] - report["whitespace"],
        report["vanished"],
        report["unknown"],
        100 * report["lost_share"],
    )
    with command.finished(options.tokens, options.report) as (tokens_path, report_path):
        write_file(tokens_path, {"tokens": tokens})
        command.write_json(report_path, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, "max_lost_share")
    arguments.add_argument("--tokenizer", type=Path, required=True)
    arguments.add_argument("--corpus", type=Path, required=True)
    arguments.add_argument("--tokens", type=Path, required=True)
    arguments.add_argument("--report", type=Path, required=True)
    command.run(main, arguments)
