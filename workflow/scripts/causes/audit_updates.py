"""Audit the update law: does every recorded state follow, bit for bit, from the one before it?

    python workflow/scripts/causes/audit_updates.py --settings settings.json \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --masks results/corpora/flannel/masks.safetensors --audit audit.json

settings.json: the run's arithmetic, optimizer, schedule and record, as the rule passes them.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.causes import audit
from deadtokens.causes.requirements import why_no_audit
from deadtokens.files.storage import open_reader
from deadtokens.recorded.requirements import require
from deadtokens.recorded.rows import TokenRows, read_dead_mask
from deadtokens.training.models import MODELS
from deadtokens.training.weights import RandomBits
from deadtokens.update_law import NAMES, UpdateLaw
from deadtokens.update_law import SETTINGS as OF_LAW

SETTINGS = (
    *("run", *OF_LAW, "record", "rows", "naming"),
    *("clip_norm", "restore", "model", "random_seed"),
)
CHUNK_BYTES = 32_000_000


def main(options):
    """Mismatches are a finding and not an error: the audit states them."""
    settings = options.settings
    require(why_no_audit(settings["run"], settings))
    law, dead_mask = UpdateLaw.from_settings(settings), read_dead_mask(options.masks)
    with open_reader(options.trajectory) as file:
        rows = TokenRows(file, settings["naming"], dead_mask, settings["rows"])
        audit.check({name: rows.field(name)[1] for name in ("W", "m", "v")}, law.steps)
        clipped, resumed = settings["clip_norm"] is not None, "parameters" in settings["restore"]
        reasons = audit.why_not("g" in rows, clipped, law.weight_precision, resumed)
        bits = RandomBits(settings["random_seed"], MODELS[settings["model"]].W_name)
        bits_of_rows = audit.bits_of_rows(bits, len(dead_mask), rows.token_ids)
        steps = rows.steps("Wmv" if "m" in reasons else "Wmvg", CHUNK_BYTES)
        progress = command.Progress(law.steps, unit="step")
        tallies = audit.follow(steps, rows.token_ids, law, bits_of_rows, reasons, progress)
    for name, tally in tallies.items():
        if tally.first is not None:
            command.log.warning("%s does not follow; first: %s", name, tally.first)
    names = {key: settings[key] for key in NAMES}
    about = {"steps": law.steps, "tokens": len(rows.token_ids), **names}
    with command.finished(options.audit) as (path,):
        command.write_json(path, audit.summary(tallies, reasons, **about))


if __name__ == "__main__":
    arguments = command.parser(__doc__, *SETTINGS)
    for name in ("trajectory", "masks", "audit"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    command.run(main, arguments)
