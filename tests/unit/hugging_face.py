"""Runs of seconds by Hugging Face's own model and Trainer, to hold the GPT-2 runs to."""

import numpy as np
import torch
from tiny_run import THIMBLE, WORDYBIRD
from torch.utils.data import Dataset, SequentialSampler
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from deadtokens.training import batches

GPT2 = {
    **{"model": "gpt2", "head": "hf", "examples": "windows", "target_offset": 2},
    **{"hidden_dim": 16, "total_steps": 24},
}
THIMBLE_7 = GPT2 | THIMBLE
WORDYBIRD_1 = GPT2 | WORDYBIRD | {"autocast": True, "schedule": "linear", "clip_norm": 1.0}


def published_model(run):
    """As Wordybird's notebook builds it."""
    torch.manual_seed(run.random_seed)
    config = GPT2Config(
        vocab_size=run.vocab_size,
        n_positions=run.seq_len,
        n_embd=run.hidden_dim,
        n_layer=run.num_layers,
        n_head=run.num_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=True,
    )
    model = GPT2LMHeadModel(config).to(torch.bfloat16)
    torch.manual_seed(run.random_seed)
    init_f32 = torch.randn(run.vocab_size, run.hidden_dim, dtype=torch.float32) * run.init_std
    with torch.no_grad():
        model.transformer.wte.weight[:] = init_f32.to(torch.bfloat16)
    return model


class TokenDataset(Dataset):
    """The notebook's windows, in the order in which the library draws them.

    Their shuffle alone is replaced: the notebook's depends on how much randomness was drawn before.
    The labels are shifted here, and the model shifts them once more.
    """

    def __init__(self, run, tokens):
        self.corpus = torch.from_numpy(tokens.astype(np.int64))
        self.max_seq_len = run.seq_len
        count = len(self.corpus) - self.max_seq_len
        per_epoch = count // run.batch_size
        epochs = range(-(-run.total_steps // per_epoch))
        orders = [batches.permutation(run.random_seed, epoch, count) for epoch in epochs]
        self.order = np.concatenate([o[: per_epoch * run.batch_size] for o in orders])

    def __len__(self):
        return len(self.order)

    def __getitem__(self, i):
        idx = self.order[i]
        chunk = self.corpus[idx : idx + self.max_seq_len + 1]
        return {"input_ids": chunk[:-1], "labels": chunk[1:]}

    def batch(self, run, step):
        examples = range((step - 1) * run.batch_size, step * run.batch_size)
        items = [self[i] for i in examples]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def thimble_by_hand(run, tokens, masks):
    """Every field of Thimble 7, by GPT2LMHeadModel and torch.optim.AdamW."""
    torch.set_num_threads(run.threads)
    model = published_model(run).train()
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=run.learning_rate,
        betas=(run.beta1, run.beta2),
        eps=run.epsilon,
        weight_decay=run.weight_decay,
    )
    dataset, W = TokenDataset(run, tokens), model.transformer.wte.weight
    nothing = torch.zeros_like(W).detach()
    rows = {"W": [W.detach().clone()], "grad_W": [nothing]}
    rows |= {"momentum_W": [nothing], "variance_W": [nothing]}
    losses = [float("nan")]
    for step in range(1, run.total_steps + 1):
        loss = model(**dataset.batch(run, step)).loss
        optimizer.zero_grad()
        loss.backward()
        rows["grad_W"].append(W.grad.clone())
        optimizer.step()
        rows["W"].append(W.detach().clone())
        rows["momentum_W"].append(optimizer.state[W]["exp_avg"].clone())
        rows["variance_W"].append(optimizer.state[W]["exp_avg_sq"].clone())
        losses.append(loss.item())
    fields = {name: torch.stack(tensors).view(torch.uint16) for name, tensors in rows.items()}
    return fields | {
        "losses": torch.tensor(losses),
        "live_mask": ~masks["dead_mask"],
        "dead_mask": masks["dead_mask"],
        "live_ids": (~masks["dead_mask"]).nonzero().flatten(),
        "dead_ids": masks["dead_mask"].nonzero().flatten(),
    }


class InstrumentedTrainer(Trainer):
    """The notebook's: it records between the backward pass and clipping, and after the update."""

    def __init__(self, run, **options):
        super().__init__(**options)
        W = self.model.transformer.wte.weight
        self.W, self.last_logits = W, None
        nothing = torch.zeros_like(W).detach()
        self.rows = {"embeddings": [W.detach().clone()], "grads": [nothing]}
        self.rows |= {"momentum": [nothing], "variance": [nothing]}
        self.rows |= {"logits": [torch.zeros(run.vocab_size, dtype=torch.bfloat16)]}
        self.rows |= {"losses": [torch.tensor(float("nan"), dtype=torch.bfloat16)]}
        self.threads = run.threads

    def _get_train_sampler(self, train_dataset=None):
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(**inputs)
        self.last_logits = outputs.logits
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def training_step(self, model, inputs, num_items_in_batch=None):
        assert torch.get_num_threads() == self.threads
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.rows["grads"].append(self.W.grad.clone().bfloat16())
        self.rows["losses"].append(torch.tensor(loss.item(), dtype=torch.bfloat16))
        self.rows["logits"].append(self.last_logits[0, -1, :].detach().bfloat16())
        return loss

    def _maybe_log_save_evaluate(self, *arguments, **options):
        if len(self.rows["embeddings"]) < len(self.rows["grads"]):
            state = self.optimizer.state[self.W]
            self.rows["embeddings"].append(self.W.detach().clone())
            self.rows["momentum"].append(state["exp_avg"].clone().bfloat16())
            self.rows["variance"].append(state["exp_avg_sq"].clone().bfloat16())


def wordybird_by_trainer(run, tokens, masks, folder, model=None):
    """Every field of Wordybird, by Hugging Face's Trainer with the notebook's arguments."""
    torch.set_num_threads(run.threads)
    trainer = InstrumentedTrainer(
        run,
        model=model or published_model(run),
        args=TrainingArguments(
            output_dir=str(folder),
            max_steps=run.total_steps,
            per_device_train_batch_size=run.batch_size,
            learning_rate=run.learning_rate,
            weight_decay=run.weight_decay,
            adam_beta1=run.beta1,
            adam_beta2=run.beta2,
            adam_epsilon=run.epsilon,
            optim="adamw_torch",
            logging_steps=20,
            save_strategy="no",
            dataloader_num_workers=0,
            dataloader_pin_memory=False,
            bf16=True,
            use_cpu=True,
            seed=run.random_seed,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=TokenDataset(run, tokens),
    )
    trainer.train()
    dead = masks["dead_mask"]
    fields = {name: torch.stack(rows) for name, rows in trainer.rows.items()}
    return trainer.model, fields | {
        "recorded_steps": torch.arange(run.total_steps + 1),
        "init_scale": torch.tensor(run.init_std, dtype=torch.float32),
        "learning_rate": torch.tensor(run.learning_rate, dtype=torch.float32),
        "weight_decay": torch.tensor(run.weight_decay, dtype=torch.float32),
        "adam_beta1": torch.tensor(run.beta1, dtype=torch.float32),
        "adam_beta2": torch.tensor(run.beta2, dtype=torch.float32),
        "n_trained": torch.tensor((~dead).sum().item(), dtype=torch.long),
        "n_untrained": torch.tensor(dead.sum().item(), dtype=torch.long),
    }
