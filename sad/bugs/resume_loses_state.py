"""Resume takes up the weights and loses the rest

## Symptom
The loss jumps where a run was taken up, and comes down again over some hundred steps; or nothing is seen at all, and
the run ends elsewhere than the one that was never stopped.

## Mechanism
The next step is decided by the weights, the optimizer's moments, the place in the learning-rate schedule, the state of
the random generators and the place in the data. A checkpoint that leaves one of them out starts it from the beginning.
Or all are saved, and what is saved are the live tensors themselves: training on changes the checkpoint. `state_dict`
gives references, and an optimizer's `load_state_dict` keeps the very tensors that it is given.

## What its documented fix did
Each added the part that was missed, or took a deep copy of what is loaded.

## Fix
Weights, moments, random state, step number and the weights of the terms are in the checkpoint; learning rate and order
are functions of the step number, and so cannot be lost. It is written to files and read from files: nothing of the run
points into it (`sad/train/saving/checkpoint.py`, `sad/train/optimizer.py`, `order` in `sad/data/schedule.py`).

## Source
pytorch/torchtune 567010903 and #278, Megatron#174, OpenNMT#617, rakeshb49/student_aware_distillation
0de6b5e; C01 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import PEAK, Plain, PlainRun, State
from sad.subjects.resumable import Resumable, Saved, Taken


class _WithoutMoments(PlainRun):
    def restore(self, state: State) -> None:
        super().restore({**state, "optimizer": self.optimizer.state_dict()})


class _WithoutRandomState(PlainRun):
    def restore(self, state: State) -> None:
        super().restore({**state, "random": self.state()["random"]})


class _Counts(PlainRun):
    """Has a scheduler and a loader that count on their own; neither is in the checkpoint."""

    rates = drawn = 0

    def take(self) -> Taken:
        taken = super().take()
        self.rates += 1
        self.drawn += 1
        return taken


class _WithoutScheduler(_Counts):
    def rate(self) -> float:
        return PEAK * (1 - self.rates / self.setting.steps)


class _WithoutPlace(_Counts):
    def samples(self) -> Sequence[int]:
        step, self.step = self.step, self.drawn
        try:
            return super().samples()
        finally:
            self.step = step


class _SavesItself(PlainRun):
    def save(self) -> Saved:
        return self.state()


class _SavesMomentsItself(PlainRun):
    """The weights are copied, the optimizer's state is not."""

    def save(self) -> Saved:
        return {**deepcopy(self.state()), "optimizer": self.optimizer.state_dict()}


class _KeepsWhatItLoads(PlainRun):
    def load(self, saved: Saved) -> None:
        self.restore(saved)


def buggy() -> Resumable:
    """The optimizer begins anew."""
    return Plain(_WithoutMoments)


fixed = shipped_resumable
VARIANTS = {
    "the scheduler begins anew": lambda: Plain(_WithoutScheduler),
    "the random generator begins anew": lambda: Plain(_WithoutRandomState),
    "the data begin anew": lambda: Plain(_WithoutPlace),
    "what is saved are the live tensors": lambda: Plain(_SavesItself),
    "what is saved are the optimizer's live tensors": lambda: Plain(_SavesMomentsItself),
    "what is loaded becomes the live tensors": lambda: Plain(_KeepsWhatItLoads),
}

BUG = Bug(
    "V502", "resume-loses-state", __doc__, (resume_equivalence,), buggy, fixed, variants=VARIANTS, covers=("C01",)
)
