"""Gradients are cleared within the window

## Symptom
Accumulation changes nothing but the time that a step takes: only the last micro-batch of each window counts. The loss
that is logged is that of them all.

## Mechanism
`zero_grad` stands inside the loop over micro-batches, before each backward pass, instead of after the step.

## What its documented fix did
It moved the call out of the loop.

## Fix
One function takes a step: all micro-batches, one update, then the gradients are cleared, in any case (`take_step` in
`sad/train/step.py`, `Joined` in `sad/train/processes/gradients.py`).

## Source
pytorch/torchtitan#3575 (da230bbb2); P02 of the catalogue of real bugs.
"""

from __future__ import annotations

from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.invariants.step_accounting import step_accounting
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import PlainLoop, Process
from sad.subjects.trainer import Trainer


class _Cleared(PlainLoop):
    def backward(self, process: Process, loss: Tensor) -> None:
        process.optimizer.zero_grad()
        super().backward(process, loss)


class _NeverCleared(PlainLoop):
    def zero_grad(self) -> None:
        """Forget to."""


def buggy() -> Trainer:
    """Cleared before each backward pass."""
    return _Cleared()


def never_cleared() -> Trainer:
    """Never cleared: each step has the gradients of all steps before it."""
    return _NeverCleared()


fixed = shipped_trainer

BUG = Bug(
    "V406",
    "gradients-cleared-in-the-window",
    __doc__,
    (split_invariance, step_accounting),
    buggy,
    fixed,
    variants={"never cleared": never_cleared},
    covers=("P02",),
)
