"""Measure h_mean, the clouds of live and dead tokens, and how they drift apart.

    python workflow/scripts/drift/compute_drift.py --settings '{"lags": [1, 10, 100],
            "persistent_cosine": 0.95, "token_times": [0, 1], "top_tokens": 20}' \\
        --trajectory results/crucible3/trajectory.safetensors \\
        --tokenizer results/corpora/flannel/tokenizer.json --table drift.csv \\
        --autocorrelation autocorrelation.csv --tokens tokens.csv --summary drift.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens import lattice
from deadtokens.drift import drift, persistence, pointing
from deadtokens.files import masks, tables
from deadtokens.files.storage import open_reader
from deadtokens.text import readable, vocabulary

CHUNK_BYTES = 32_000_000
SETTINGS = ("lags", "persistent_cosine", "token_times", "top_tokens")
OUTPUTS = ("table", "autocorrelation", "tokens", "summary")


def main(options):
    """A row per state, per lag, and per token that h_mean points at; all of it in short."""
    lags, persistent, times, number = (options.settings[key] for key in SETTINGS)
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    with open_reader(options.trajectory) as file:
        file.require("W", "h_mean", "loss", "dead_mask")
        file.expect(drift.PATTERNS)
        hidden, dead = file.read("h_mean"), masks.read_dead(file)
        shapes = file.fields["W"][1], hidden.shape
        drift.check(*shapes, dead, tokenizer.get_vocab_size())
        clouds = drift.measure(file.chunks("W", CHUNK_BYTES), hidden, dead)
        table = drift.table(clouds, hidden, file.read("loss"))
        listed = [
            pointing.top(lattice.to_float32(file.read("W", t, t + 1)[0]), hidden[t], t, number)
            for t in pointing.chosen_steps(times, len(hidden))
        ]
    ids = [index for rows in listed for index in rows["token_id"]]
    tokens = pointing.described(listed, *readable.describe(tokenizer, ids), dead)
    lagged = persistence.autocorrelation(hidden, lags, persistent)
    summary = drift.summary(clouds, table, hidden, dead) | {
        "h_mean": persistence.summary(hidden, lagged, persistent),
        "tokens_pointed_at": pointing.summary(tokens),
    }
    with command.finished(*(getattr(options, name) for name in OUTPUTS)) as paths:
        for path, found in zip(paths, (table, lagged, tokens), strict=False):
            tables.write(path, found)
        command.write_json(paths[-1], summary)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "tokenizer", *OUTPUTS):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
