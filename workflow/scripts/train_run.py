"""Train a run and record its trajectory; killed and started again, it goes on to the same bytes.

    python workflow/scripts/train_run.py --settings run.json --code by-hand \\
        --tokens tokens.safetensors --masks masks.safetensors \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --metadata results/crucible2/metadata.json

Until it is complete, the trajectory lies beside its final place as .trajectory.DIGEST.partial with
.checkpoint.DIGEST.safetensors; the digest covers settings, code, inputs, torch and instruction set.
"""

from pathlib import Path

import command
from deadtokens.training import batches, checkpoints, loop, machine, metadata, recording
from deadtokens.training.settings import RunSettings


def main(options):
    settings = RunSettings.from_json(options.settings)
    tokens = batches.load_tokens(options.tokens, settings.vocab_size)
    masks = recording.load_masks(options.masks, settings.vocab_size)
    inputs = {name: checkpoints.file_digest(getattr(options, name)) for name in ("tokens", "masks")}
    identity = checkpoints.identity(
        settings=settings.deciding_bits(),
        code=options.code,
        inputs=inputs,
        machine=machine.deciding_bits(),
    )
    show = None

    def report(step, loss):
        nonlocal show
        show = show or command.Progress(settings.total_steps, "step", done=step)
        show(step, f"loss {loss:.4f}")

    with (
        checkpoints.Workspace(options.trajectory, identity, settings.checkpoint_seconds) as work,
        command.finished(options.metadata) as (metadata_file,),
    ):
        outcome = loop.train(settings, tokens, masks, work, report)
        fields = recording.layout(settings, masks, len(outcome.last_motion_step))
        description = metadata.describe(settings, masks, outcome, fields, options.code, inputs)
        command.write_json(metadata_file, description)
        work.finish()


if __name__ == "__main__":
    arguments = command.parser(__doc__, *RunSettings.names())
    arguments.add_argument("--tokens", type=Path, required=True, help="ids of the model corpus")
    arguments.add_argument("--masks", type=Path, required=True, help="which tokens are dead")
    arguments.add_argument("--code", required=True, help="digest of the code that is running")
    arguments.add_argument("--trajectory", type=Path, required=True)
    arguments.add_argument("--metadata", type=Path, required=True)
    command.run(main, arguments)
