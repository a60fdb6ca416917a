"""What stands for a Fabric of Lightning does on one process what Lightning's does."""

from __future__ import annotations

import pytest
import torch

from sad.judge.fabric import Fabric


def test_gradients_are_added_and_clipped():
    fabric, model = Fabric(), torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters())
    with fabric.no_backward_sync(model, enabled=True), fabric.autocast():
        fabric.backward(100 * model(torch.ones(1, 2)).sum())
    fabric.clip_gradients(model, optimizer, max_norm=1.0)
    assert torch.cat([p.grad.flatten() for p in model.parameters()]).norm() == pytest.approx(1.0, rel=1e-4)
    fabric.clip_gradients(model, optimizer, clip_val=0.1)
    assert float(model.weight.grad.abs().max()) == pytest.approx(0.1)


def test_one_process_has_all_there_is():
    fabric, model = Fabric(), torch.nn.Linear(2, 1)
    assert fabric.setup(model) is model
    assert fabric.setup(model, 1) == (model, 1)
    assert fabric.all_reduce(3, reduce_op="mean") == fabric.all_gather(3) == 3
    assert fabric.launch(lambda of, x: (of.world_size, x), 2) == (1, 2)
    assert fabric.print("x") is None
