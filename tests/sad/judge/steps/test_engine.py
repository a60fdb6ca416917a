"""The engine that stands for DeepSpeed's takes a step at the end of each window."""

from __future__ import annotations

import torch

from sad.judge.steps.engine import MODEL_BACKWARD, Engine


def test_a_step_is_taken_at_the_end_of_a_window():
    inner = torch.nn.Linear(1, 1, bias=False)
    inner.weight.data.fill_(0.0)
    optimizer = torch.optim.SGD(inner.parameters(), lr=1.0)
    engine = Engine(inner, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0), 2)
    weights = []
    for size in (2.0, 4.0, 6.0, 8.0):
        engine.backward(engine(torch.full((1, 1), size)).sum())
        engine.zero_grad()
        engine.step()
        weights.append(float(inner.weight.detach()))
    assert weights == [0.0, -3.0, -3.0, -10.0]
    assert (engine.global_steps, engine.gradient_accumulation_steps()) == (2, 2)


def test_a_model_that_is_one_is_told_by_what_it_is_asked():
    assert MODEL_BACKWARD.search("    model.backward(loss)")
    assert not MODEL_BACKWARD.search("    loss.backward()\n    fabric.backward(loss)\n    accelerator.backward(loss)")
