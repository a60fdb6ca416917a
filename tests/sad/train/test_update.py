"""The size of an update is exact, and is measured where a function of the step says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sad.train.update import EVERY, FIRST, measured, update_ratio


@given(seed=st.integers(0, 2**31), rate=st.floats(1e-4, 1.0), frozen=st.booleans())
def test_it_is_that_of_float64(seed: int, rate: float, frozen: bool) -> None:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(7, 5), nn.LayerNorm(5), nn.Linear(5, 3))
    model[1].requires_grad_(not frozen)
    live = [p for p in model.parameters() if p.requires_grad]
    before = torch.cat([p.detach().double().flatten() for p in live])
    model(torch.randn(4, 7)).square().sum().backward()
    found = update_ratio(model, torch.optim.SGD(live, lr=rate).step)
    after = torch.cat([p.detach().double().flatten() for p in live])
    assert float(found) == pytest.approx(float((after - before).norm() / before.norm()), rel=1e-5)


def test_weights_that_do_not_move_have_moved_by_nothing() -> None:
    assert float(update_ratio(nn.Linear(2, 2), lambda: None)) == 0.0


@given(log_every=st.integers(1, 40), step=st.integers(1, 1000))
def test_measured_steps_are_the_first_or_logged_and_apart(log_every: int, step: int) -> None:
    if measured(step, log_every) and step > FIRST:
        assert step % log_every == 0
        following = next(s for s in range(step + 1, step + 2 * max(EVERY, log_every)) if measured(s, log_every))
        assert max(EVERY, log_every) <= following - step < EVERY + log_every
    assert measured(min(step, FIRST), log_every)
