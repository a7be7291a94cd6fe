"""The one training loop, for every run; it reads from top to bottom."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import numpy as np
import torch
from torch import nn

from deadtokens.errors import Stopped
from deadtokens.training import machine, matmul, models, origin
from deadtokens.training.adamw import ADAMW, STATES
from deadtokens.training.batches import EXAMPLES, Batches
from deadtokens.training.checkpoints import Workspace
from deadtokens.training.masks import Masks
from deadtokens.training.recording import Recorder, recorded_rows
from deadtokens.training.schedules import SCHEDULES
from deadtokens.training.settings import RunSettings, choice
from deadtokens.training.weights import WEIGHTS, RandomBits


@dataclass(frozen=True)
class Outcome:
    """What a finished run can say without its trajectory being read."""

    final_loss: float
    epochs: int  # begun
    last_motion_step: np.ndarray  # (N,) int32; -1 throughout if the run does not follow it


def train(
    settings: RunSettings,
    tokens: np.ndarray,
    masks: Masks,
    work: Workspace,
    report: Callable[[int, float], None],
    begin_from: Path | None = None,
    asked_to_stop: Callable[[], Signals | None] = lambda: None,
) -> Outcome:
    """Train a run from its first step, or from its last checkpoint, to its last step.

    `begin_from` is the checkpoint of another run, if the settings restore parts of one.

    tokens (n,) int32. The trajectory is complete in `work.rows` when this returns; `work.finish`
    gives it its name. `report(step, loss)` is called where the run begins or resumes (loss NaN) and
    after every step. UserError on settings that cannot be, a corpus shorter than a batch, a disk
    too small and a damaged checkpoint. `Stopped`, with a checkpoint written, after the step
    during which `asked_to_stop` began to name a signal.
    """
    with machine.pinned(settings.threads):
        examples = choice("examples", settings.examples, EXAMPLES)
        batches = Batches(
            examples(tokens, settings.seq_len, settings.target_offset),
            settings.batch_size,
            settings.random_seed,
        )
        update = choice("adamw", settings.adamw, ADAMW)
        states = choice("state_precision", settings.state_precision, STATES)
        of_v = settings.second_moment_precision or settings.state_precision
        states_of_v = choice("second_moment_precision", of_v, STATES)
        weights = choice("weight_precision", settings.weight_precision, WEIGHTS)
        schedule = choice("schedule", settings.schedule, SCHEDULES)
        schedule_steps = settings.schedule_steps or settings.total_steps

        device = machine.device(settings.device)
        multiply = matmul.named(settings.matmul_backend, device)
        head = choice("head", settings.head, multiply.heads)
        model = models.build(settings).to(device)  # drawn alike for every device
        W, W_name = model.W, model.W_name  # (V, D)
        params = dict(model.named_parameters())
        exp_avg = {n: torch.zeros_like(param, dtype=states) for n, param in params.items()}
        exp_avg_sq = {n: torch.zeros_like(param, dtype=states_of_v) for n, param in params.items()}
        kept = {
            name: weights.keep(param, RandomBits(settings.random_seed, name), param is W)
            for name, param in params.items()
        }
        if settings.weight_precision == "centred":
            model.common = kept[W_name]
        last_motion_step = torch.full((len(recorded_rows(settings, masks)),), -1, dtype=torch.int32)
        state = {"last_motion_step": last_motion_step}  # all that a step changes
        kinds = {"parameters": params, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
        kinds |= {weights.kind: kept} if weights.kind else {}
        for kind, tensors in kinds.items():
            state |= {f"{kind}.{name}": t for name, t in tensors.items() if t is not None}

        elapsed = origin.restore(settings, begin_from, state)
        done = work.restore(state)
        loss = math.nan
        report(done, loss)
        with Recorder(work.rows, settings, masks, last_motion_step, done > 0) as record:
            record.begin(done, W, exp_avg[W_name], exp_avg_sq[W_name])
            for step in range(done + 1, settings.total_steps + 1):
                batch = batches.at(elapsed.data + step)
                inputs, targets = (ids.to(device) for ids in batch)  # (B, L), (B, n)
                with multiply.in_force():
                    with torch.autocast(device.type, torch.bfloat16, enabled=settings.autocast):
                        hidden = model(inputs)  # (B, L, D)
                        tensor, logits = head(hidden, W, targets)  # (), (V,)
                    tensor.backward()
                loss = tensor.item()
                record.before_update(step, W, hidden, targets, logits)
                if settings.clip_norm is not None:
                    nn.utils.clip_grad_norm_(params.values(), settings.clip_norm)
                factor = schedule(elapsed.schedule + step - 1, schedule_steps)
                update(
                    params.values(),
                    (param.grad for param in params.values()),
                    exp_avg.values(),
                    exp_avg_sq.values(),
                    kept.values(),
                    step=elapsed.moments + step,
                    learning_rate=settings.learning_rate * factor,
                    beta1=settings.beta1,
                    beta2=settings.beta2,
                    epsilon=settings.epsilon,
                    weight_decay=settings.weight_decay,
                    add=weights.add,
                )
                record.after_update(step, loss, W, exp_avg[W_name], exp_avg_sq[W_name])
                model.zero_grad(set_to_none=True)
                report(step, loss)
                if step in settings.save_checkpoint_at:
                    record.flush()
                    work.keep(state, step, settings.run, elapsed.after(step))
                signal = asked_to_stop()
                if (work.checkpoint_due() or signal) and step < settings.total_steps:
                    record.flush()
                    work.write_checkpoint(state, step)
                    if signal:
                        raise Stopped(signal, step)
    epochs = batches.epochs(elapsed.data + settings.total_steps)
    return Outcome(loss, epochs, last_motion_step.numpy())
