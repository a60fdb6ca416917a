"""Resume replaces the student after the optimizer was built

## Symptom
After `--resume` the loss stays flat and evaluations repeat themselves, although the learning rate is right and the
gradient norm is not zero. A run that was never stopped learns.

## Mechanism
Loading a checkpoint assigns a freshly loaded module to the trainer's attribute. The optimizer, built before, holds the
tensors of the old module: it goes on updating weights that no forward pass reads. The gradients of the new module are
never cleared either.

## What its documented fix did
There was none in the versions that had it; a later one loads into the module that is there.

## Fix
A checkpoint is loaded into the objects as they are, so that the optimizer keeps owning the live tensors (`load` in
`sad/train/saving/checkpoint.py`).

## Source
rakeshb49/student_aware_distillation, utils/training.py, load_checkpoint; S05 of the catalogue of real bugs.
"""

from __future__ import annotations

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import Plain, PlainRun, State
from sad.subjects.resumable import Resumable


class _Swapped(PlainRun):
    def restore(self, state: State) -> None:
        super().restore(state)
        self.model = self.make_model()
        self.model.load_state_dict(state["model"])


class _HalfSwapped(PlainRun):
    """Only the last layer is a new one: half of the student goes on learning."""

    def restore(self, state: State) -> None:
        super().restore(state)
        fresh = self.make_model()
        fresh.load_state_dict(state["model"])
        self.model.last = fresh.last


def buggy() -> Resumable:
    """A new module takes the student's place."""
    return Plain(_Swapped)


def half_swapped() -> Resumable:
    """A new head takes the head's place."""
    return Plain(_HalfSwapped)


fixed = shipped_resumable
VARIANTS = {"only the head is replaced": half_swapped}

BUG = Bug(
    "V501",
    "resume-swaps-the-model",
    __doc__,
    (resume_equivalence,),
    buggy,
    fixed,
    variants=VARIANTS,
    covers=("S05",),
)
