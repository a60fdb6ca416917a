"""The average of the weights reaches back further than the run

## Symptom
Evaluation lags far behind the training, all through the run: it moves, steadily and much too slowly.

## Mechanism
The evaluated weights are an exponential average with decay 0.9999, begun at the initial weights. Its horizon is 10,000
steps, the run has 3,114: 0.9999 ** 3114 = 0.73, so that 73% of what is evaluated are the initial weights at the end.

## What its documented fix did
There was none.

## Fix
There is no average: the weights that are evaluated are those that are trained (`HeldOut.student` in
`sad/train/held_out.py`). Where one is kept, its decay begins low and rises, or is chosen by the length of the run.

## Source
rakeshb49/student_aware_distillation, ModelEMA; S13 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.saved_is_what_was_scored import saved_is_what_was_scored
from sad.shipped.kept import shipped_kept
from sad.subjects.kept import AveragingRun, Keeper

PLANNED = 3114


class _NoWarmUp(AveragingRun):
    decay = 0.9999

    def decay_at(self, step: int) -> float:  # noqa: ARG002 - the same at every step
        return self.decay


def buggy() -> Keeper:
    """The decay of a long run in a short one."""
    return _NoWarmUp(PLANNED, every=PLANNED).run


fixed = shipped_kept

BUG = Bug("V509", "average-outlives-the-run", __doc__, (saved_is_what_was_scored,), buggy, fixed, covers=("S13",))
