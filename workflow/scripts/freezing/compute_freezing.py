"""Find when each dead token (or live one, or every token) moves last, and who stops early.

    python workflow/scripts/freezing/compute_freezing.py \\
        --settings '{"motion_threshold": 0.1, "naming": "crucible", "population": "dead",
        "still_for": 100, "confidence": 0.95}' \\
        --displacement results/crucible2/displacement.safetensors \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors \\
        --tokenizer results/corpora/flannel/tokenizer.json \\
        --table freezing.csv --survival freezing_survival.csv --summary freezing.json
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.displacement import patterns
from deadtokens.files import tables
from deadtokens.files.storage import open_reader
from deadtokens.freezing import elements, freezing
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.statistics import correlation
from deadtokens.text import readable, vocabulary

SETTINGS = ("motion_threshold", "naming", "population", "still_for", "confidence")
CHUNK_BYTES = 8_000_000


def main(options):
    """A row per token, the survival curve, and when tokens freeze by script, norm and id."""
    threshold, naming, population, *judged = (options.settings[key] for key in SETTINGS)
    tokenizer = vocabulary.load_tokenizer(options.tokenizer)
    dead_mask = read_dead_mask(options.masks)
    with open_reader(options.trajectory) as trajectory, open_reader(options.displacement) as moved:
        rows = TokenRows(trajectory, naming, dead_mask, population)
        moved.expect(patterns("l2", "token_ids"))
        shape, (_, weights), ids = moved.fields["l2"][1], rows.field("W"), rows.token_ids
        freezing.check(shape, moved.read("token_ids"), weights, ids)
        freezing.check_vocabulary(ids, tokenizer.get_vocab_size())
        everyone = TokenRows(trajectory, naming, dead_mask, rows.recorded)
        initial = (of.read("W", 0, 1)[0] for of in (rows, everyone))
        norm, relative = freezing.initial_norms(*initial)
        last = freezing.last_motion(moved.chunks("l2", CHUNK_BYTES), threshold)
        of_elements = elements.last_motion(elements.changes(rows))
        ends = [
            elements.at_power_of_two(rows.read("W", step, step + 1)[0]) for step in (0, shape[0])
        ]
    texts, scripts = readable.describe(tokenizer, ids)
    rules = freezing.Rules(shape[0], *judged)
    report = freezing.summary(ids, scripts, norm, last, of_elements, rules, threshold, population)
    report["elements"]["at_power_of_two"] = freezing.at_powers_of_two(*ends, of_elements, rules)
    report |= freezing.of_relative_norm(relative, last, rules, rows.recorded)
    found = freezing.table(ids, texts, scripts, norm, last, rules).assign(
        initial_norm_relative=relative, initial_norm_relative_rank=correlation.ranks(relative)
    )
    outputs = options.table, options.survival, options.summary
    with command.finished(*outputs) as (table, curve, summary):
        tables.write(table, found)
        tables.write(curve, freezing.survival_table(last, scripts, of_elements, rules))
        command.write_json(summary, report)


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    inputs, outputs = "displacement trajectory masks tokenizer", "table survival summary"
    for name in f"{inputs} {outputs}".split():
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
