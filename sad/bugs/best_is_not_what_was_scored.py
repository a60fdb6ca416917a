"""The best checkpoint is chosen by the average's score, and the raw weights are saved

## Symptom
The best model of a run, loaded and evaluated, scores worse than the number that it was chosen by; the log is fine.

## Mechanism
Evaluation puts the average of the weights into the model, scores it, and puts the raw weights back. Then the caller
finds that the score is the best so far and saves the model: the raw weights, under the average's number.

## What its documented fix did
There was none.

## Fix
There is no average, and no best: what is evaluated is the student as it is, and a checkpoint and the exported student
are that same student after the same step (`sad/train/loop.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py, evaluate; C03 of the catalogue of real bugs.
"""

from __future__ import annotations

from torch import Tensor

from sad.bug import Bug
from sad.invariants.saved_is_what_was_scored import saved_is_what_was_scored
from sad.shipped.kept import shipped_kept
from sad.subjects.kept import AveragingRun, Keeper


class _RestoresFirst(AveragingRun):
    def evaluate(self) -> Tensor:
        raw, self.weight = self.weight, self.average
        score, scored = self.score(self.weight), self.weight.clone()
        self.weight = raw
        if score < self.best:
            self.best = score
            self.keep()
        return scored


class _ScoresRaw(AveragingRun):
    """The other way round: the raw weights are scored, the average is saved."""

    def evaluate(self) -> Tensor:
        score = self.score(self.weight)
        if score < self.best:
            self.best, self.saved = score, self.average.clone()
        return self.weight.clone()


def buggy() -> Keeper:
    """The average is swapped out before the save."""
    return _RestoresFirst().run


def scores_raw() -> Keeper:
    """The average is saved under the raw weights' score."""
    return _ScoresRaw().run


fixed = shipped_kept
VARIANTS = {"the average is saved under the score of the raw weights": scores_raw}

BUG = Bug(
    "V508",
    "best-is-not-what-was-scored",
    __doc__,
    (saved_is_what_was_scored,),
    buggy,
    fixed,
    variants=VARIANTS,
    covers=("C03",),
)
