"""The optimizer never takes a step

## Symptom
The learning rate is exactly 0 in every line, the evaluation is bit-identical from one to the next (51.7094 at steps
499 and 999), the training loss only wanders; early stopping ends the run.

## Mechanism
A method that tells whether an accumulation window is full also advances its own counter, and it is called twice a
batch: once to gate the step, once in a gradient monitor. The gate sees odd counts only, so with an even accumulation
it never opens; with an odd one it opens at half the rate.

## What its documented fix did
Nothing: `lr=0.000e+00` was called a rounding of the display, and magnitudes and patience were changed.

## Fix
No counter and no predicate: a step is a list of micro-batches, and taking it is one call (`sad/train/step.py`).
The learning rate is a function of the step number.

## Source
rakeshb49/student_aware_distillation, utils/training.py; S01 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
from torch import nn

from sad import tiny
from sad.case import Bug
from sad.invariants.step_accounting import WINDOWS, Taken, Trainer, step_accounting


class _Accumulator:
    def __init__(self, every: int) -> None:
        self.every, self.seen = every, 0

    def should_step(self) -> bool:
        self.seen += 1
        return self.seen % self.every == 0


def buggy() -> Trainer:
    """A plain loop with the predicate that counts, asked twice a batch."""

    def trainer(accumulation: int) -> Taken:
        torch.manual_seed(0)
        layer, steps = nn.Linear(4, 1), 0
        start = layer.weight.detach().clone()
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        accumulator = _Accumulator(accumulation)
        for _ in range(WINDOWS * accumulation):
            layer(torch.randn(2, 4)).square().mean().backward()
            if accumulator.should_step():
                optimizer.step()
                optimizer.zero_grad()
                steps += 1
            if accumulator.should_step():  # the monitor
                layer.weight.grad  # noqa: B018 - it only looks
        return Taken(steps, WINDOWS, not torch.equal(start, layer.weight))

    return trainer


def fixed() -> Trainer:
    """The training loop itself, on the tiny pair."""

    def trainer(accumulation: int) -> Taken:
        steps = {"max_steps": WINDOWS, "eval_every": WINDOWS, "save_every": WINDOWS}
        changes = {"train": {"accumulation": accumulation, "batch_size": 1, **steps}, "data": {"eval_windows": 1}}
        plan = tiny.plan(changes)
        start = tiny.weights(plan.pair.student)
        taken = tiny.train(plan)
        return Taken(taken.optimizer_steps, WINDOWS, not torch.equal(start, tiny.weights(plan.pair.student)))

    return trainer


BUG = Bug("V104", "optimizer-never-steps", __doc__, (step_accounting,), buggy, fixed, covers=("S01",))
