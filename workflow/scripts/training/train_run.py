"""Train a run and record its trajectory; killed and started again, it resumes to the same bytes.

    python workflow/scripts/training/train_run.py --settings run.json --code by-hand \\
        --tokens tokens.safetensors --masks masks.safetensors \\
        --trajectory results/crucible2/trajectory.safetensors \\
        --metadata results/crucible2/metadata.json

A run with parts of another one restored gets that run's checkpoint by --from-checkpoint.
Asked to end (SIGTERM, SIGUSR1, SIGINT) it writes a checkpoint first. Until it is complete, the
trajectory lies beside its final place as .trajectory.DIGEST.partial with
.checkpoint.DIGEST.safetensors; the digest covers settings, code, inputs, torch and instruction set.
"""

from deadtokens.program import command  # first: what follows takes its time

# isort: split
from pathlib import Path

from deadtokens.files import provenance
from deadtokens.training import (
    batches,
    checkpoints,
    interruption,
    loop,
    machine,
    matmul,
    metadata,
    origin,
)
from deadtokens.training.masks import load_masks
from deadtokens.training.settings import RunSettings


def main(options):
    settings = RunSettings.from_json(options.settings | options.checkpoint_seconds)
    metadata.check(settings)
    provenance.refuse_foreign(options.trajectory, options.metadata, *options.checkpoint)
    origin.check(settings, options.from_checkpoint)
    kept = checkpoints.named(settings.save_checkpoint_at, options.checkpoint)
    tokens = batches.load_tokens(options.tokens, settings.vocab_size)
    masks = load_masks(options.masks, settings.vocab_size)
    inputs = checkpoints.file_digests(
        tokens=options.tokens, masks=options.masks, from_checkpoint=options.from_checkpoint
    )
    device = machine.device(settings.device)
    multiply = matmul.chosen(settings.matmul_backend, device)
    command.log.info("matmul_backend: %s (%s)", multiply.name, multiply.reason)
    deciding = {
        "settings": settings.deciding_bits(),
        "machine": machine.deciding_bits(device),
        # `auto` may stand for something else where a compiler has come or gone.
        "matmul_backend": multiply.name,
    }
    identity = checkpoints.identity(code=options.code, inputs=inputs, **deciding)
    scratch = checkpoints.scratch(options.scratch)
    interval = settings.checkpoint_seconds
    work = checkpoints.Workspace(options.trajectory, identity, interval, kept, scratch)
    show = None

    def report(step, loss):
        nonlocal show
        show = show or command.Progress(settings.total_steps, "step", done=step)
        show(step, f"loss {loss:.4f}")

    with interruption.heeded() as asked, work:
        begin_from = options.from_checkpoint
        outcome = loop.train(settings, tokens, masks, work, report, begin_from, asked)
        description = metadata.describe(settings, masks, outcome, options.code, inputs)
        with command.finished(options.metadata) as (metadata_file,):
            command.write_json(metadata_file, description)
        # Last of all: until then a killed run can resume from its checkpoint.
        work.finish(**command.made_from())


if __name__ == "__main__":
    arguments = command.parser(__doc__, *RunSettings.required())
    arguments.add_argument("--tokens", type=Path, required=True, help="ids of the model corpus")
    arguments.add_argument("--masks", type=Path, required=True, help="which tokens are dead")
    arguments.add_argument("--code", required=True, help="digest of the code that is running")
    arguments.add_argument("--from-checkpoint", type=Path, nargs="?", help="what resume_run left")
    arguments.add_argument("--trajectory", type=Path, required=True)
    arguments.add_argument("--checkpoint", type=Path, nargs="*", default=[], help="those to keep")
    arguments.add_argument(
        "--checkpoint-seconds",
        type=lambda seconds: {"checkpoint_seconds": float(seconds)},
        default={},
        help="wall time between two checkpoints; apart from the settings, for it changes no byte",
    )
    arguments.add_argument("--scratch", nargs="?", help="a disk for what is in the making")
    arguments.add_argument("--metadata", type=Path, required=True)
    command.run(main, arguments)
