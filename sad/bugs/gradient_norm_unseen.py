"""The gradient norm is never seen

## Symptom
The run has a monitor of the gradient norm, and no line of the log has one; or every line says 0.

## Mechanism
The monitor looks every hundredth micro-batch, and only if that one ends a window. The number of a hundredth batch is
even, so the count of batches is odd there and no even accumulation divides it. With an odd one it is reached, after
the gradients were cleared.

## What its documented fix did
There was none: the missing line was not missed.

## Fix
The norm is what the clipping returns, before the step, and it is on record for every step that is
(`sad/train/step.py`, `sad/train/ledger/record.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py (2bcf55d to 9c70866); S19 of the catalogue of real bugs.
"""

from __future__ import annotations

from dataclasses import replace

from sad.bug import Bug
from sad.invariants.step_accounting import step_accounting
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Trainer

EVERY = 4
"""Micro-batches between two looks: 100 in the original, and like it even."""


class _LooksLate(PlainLoop):
    """Looks after each step, when the gradients are gone."""

    def write(self, _norm: float | None) -> None:
        super().write(None)

    def monitor(self, number: int) -> None:
        if self.reached(number) and self.log:
            grads = [p.grad for process in self.processes for p in process.model.parameters() if p.grad is not None]
            norm = sum(float(grad.square().sum()) for grad in grads) ** 0.5
            self.log[-1] = replace(self.log[-1], grad_norm=norm)

    def reached(self, number: int) -> bool:
        return (number + 1) % self.accumulation() == 0


class _HardlyLooks(_LooksLate):
    """Looks where a hundredth micro-batch ends a window."""

    def reached(self, number: int) -> bool:
        return number % EVERY == 0 and super().reached(number)


def buggy() -> Trainer:
    """A monitor that is not reached."""
    return _HardlyLooks()


def after_clearing() -> Trainer:
    """A monitor that is reached too late."""
    return _LooksLate()


fixed = shipped_trainer

BUG = Bug(
    "V411",
    "gradient-norm-unseen",
    __doc__,
    (step_accounting,),
    buggy,
    fixed,
    variants={"looks after the gradients were cleared": after_clearing},
    covers=("S19",),
)
