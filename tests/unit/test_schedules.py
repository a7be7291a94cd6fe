"""Schedules against those of torch and transformers, to the bit."""

import pytest
import torch
from transformers import get_constant_schedule, get_linear_schedule_with_warmup

from deadtokens.training.schedules import SCHEDULES


@pytest.mark.parametrize("learning_rate", [1e-3, 0.3, 7e-5])
@pytest.mark.parametrize("steps", [1, 2, 97, 100, 200])
def test_rates_are_those_that_the_optimizer_of_a_trainer_sees(learning_rate, steps):
    for name, published in (
        ("constant", get_constant_schedule),
        ("linear", lambda optimizer: get_linear_schedule_with_warmup(optimizer, 0, steps)),
    ):
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
        scheduler = published(optimizer)
        for done in range(steps + 5):
            ours = learning_rate * SCHEDULES[name](done, steps)
            assert ours == optimizer.param_groups[0]["lr"], (name, done)
            optimizer.step()
            scheduler.step()


def test_linear_begins_at_the_full_rate_and_its_last_step_is_not_lost():
    rates = [SCHEDULES["linear"](done, 4) for done in range(6)]
    assert rates == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
