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

from sad.bug import Bug
from sad.invariants.step_accounting import step_accounting
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import PlainLoop
from sad.subjects.trainer import Setup, Trace, Trainer


class _NeverSteps(PlainLoop):
    def run(self, setup: Setup) -> Trace:
        self.seen = 0
        return super().run(setup)

    def is_full(self, _number: int, _batches: int) -> bool:
        self.seen += 1
        return self.seen % self.accumulation() == 0

    def monitor(self, number: int) -> None:
        if self.is_full(number, 0):
            self.processes[0].model.parameters()  # it only looks


def buggy() -> Trainer:
    """A plain loop with the predicate that counts, asked twice a batch."""
    return _NeverSteps()


fixed = shipped_trainer

BUG = Bug("V104", "optimizer-never-steps", __doc__, (step_accounting,), buggy, fixed, covers=("S01",))
