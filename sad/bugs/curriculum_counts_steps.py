"""A curriculum counts steps, and not what the student has learned

## Symptom
Terms come in and grow at the steps that somebody wrote down. The loss moves at each of them, also where not one weight
has moved; a run with another batch size, or one that was taken up, has them at other places of its learning.

## Mechanism
The weight of a term is a function of the step number. Where the student is then is not asked.

## What its documented fix did
The knots of the schedule were moved from run to run.

## Fix
A term that waits follows the student's progress on the way to the teacher, which is part of every checkpoint; the
weights of places follow means of the steps before, the same for every micro-batch (`sad/aware/`, `sad/objective.py`).

## Source
rakeshb49/student_aware_distillation, URGENT_FINDINGS.md, CRITICAL_ANALYSIS.md; S20 of the catalogue of real bugs. The
variants are what may go wrong in following a student; nobody's code is behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.objective_follows_the_student import objective_follows_the_student
from sad.shipped.objective import shipped_objective
from sad.subjects.objective import Learner, Task
from sad.subjects.plain.following import PlainFollowing
from sad.subjects.plain.seen import Sums


class _CountsSteps(PlainFollowing):
    """The ramp is the share of the steps that are done."""

    done = 0

    def follow(self, parts: Sequence[Sums]) -> None:
        super().follow(parts)
        self.done += 1
        waiting = {name: self.state.whole[name] * self.done / self.state.of.steps for name in self.state.of.waiting}
        self.state.weights |= waiting


class _WeighsWithGradient(PlainFollowing):
    """The weight of a place is no number: it has a gradient."""

    def weighed(self, gaps: Tensor) -> Tensor:
        right = super().weighed(gaps)
        followed = self.state
        if followed.gap is None:
            return right
        return right + (gaps.detach() * (gaps - gaps.detach())).sum() / followed.gap


class _WeighsInMicroBatch(PlainFollowing):
    """The weights of places are brought to mean 1 within what is at hand."""

    def weighed(self, gaps: Tensor) -> Tensor:
        right, factors = super().weighed(gaps), self.counted[-1]
        return right * (self.state.factor or 1.0) / factors.mean()


class _MapsAnywhere(PlainFollowing):
    """The map of layers begins with equal shares."""

    def besides(self, task: Task) -> Sequence[Tensor]:
        return [torch.zeros_like(scores) for scores in super().besides(task)]


class _MeetsSharesAnew(PlainFollowing):
    """What was measured last is met at once, every time."""

    def norms(self, task: Task, student: torch.nn.Module, slopes: Sums) -> Mapping[str, float]:
        self.state.norms = None
        return super().norms(task, student, slopes)


def buggy() -> Learner:
    """Weights by the number of the step."""
    return _CountsSteps()


fixed = shipped_objective

BUG = Bug(
    "V413",
    "curriculum-counts-steps",
    __doc__,
    (objective_follows_the_student,),
    buggy,
    fixed,
    variants={
        "weights of places with a gradient": _WeighsWithGradient,
        "weights of places by micro-batch": _WeighsInMicroBatch,
        "a map of layers that begins anywhere": _MapsAnywhere,
        "shares that are met anew each time": _MeetsSharesAnew,
    },
)
