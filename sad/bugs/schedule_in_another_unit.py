"""The schedule counts in another unit than the steps

## Symptom
The learning rate reaches 0 after 1/accumulation of the run and stays there: 40% of the peak at batch 1000, then 0 at
2000 and at 12000, with 16 accumulated. Or, the other way round, the warm-up never ends.

## Mechanism
The schedule is sized in optimizer steps and advanced once a micro-batch; or it is sized in micro-batches and advanced
once an optimizer step.

## What its documented fix did
In the project that this catalogue began with, one fix turned one form into the other.

## Fix
One unit, optimizer steps, and no counter: the learning rate is a function of the number of the step
(`sad/train/optimizer.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py (both forms); Lightning-AI/litgpt (b78ebcb6);
PyTorch Lightning#1476; starVLA#210. C05 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.step_accounting import step_accounting
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.schedules import Schedule, factor
from sad.subjects.trainer import Trainer


class _AdvancedPerBatch(PlainLoop):
    def advance(self) -> None:
        """Leave it to the batches."""

    def monitor(self, _number: int) -> None:
        self.position += 1


class _SizedInBatches(PlainLoop):
    def learning_rate(self) -> float:
        shape, batches = self.setup.schedule or Schedule.CONSTANT, self.setup.accumulation * self.setup.steps
        warmup = self.setup.warmup * self.setup.accumulation
        return self.setup.learning_rate * factor(shape, self.position, batches, warmup)


def buggy() -> Trainer:
    """Sized in optimizer steps, advanced once a micro-batch."""
    return _AdvancedPerBatch()


def sized_in_batches() -> Trainer:
    """Sized in micro-batches, advanced once an optimizer step."""
    return _SizedInBatches()


fixed = shipped_trainer

BUG = Bug(
    "V409",
    "schedule-in-another-unit",
    __doc__,
    (step_accounting,),
    buggy,
    fixed,
    variants={"sized in micro-batches": sized_in_batches},
    covers=("C05",),
)
