"""The data are shuffled again from where the last shuffle left them

## Symptom
None in the loss. After a resume across the end of an epoch the samples come in another order than without; after a
second resume the loader begins at the front.

## Mechanism
At the end of an epoch the dataset is replaced by its own shuffle, seeded by the epoch: the order of epoch 2 is a
shuffle of that of epoch 1, not of the original. The saved state knows the epoch and the place, and a new process
shuffles the original once. Next to it, the place that is saved counts from the beginning of the process, so that a
second save forgets what the first resume had skipped.

## What its documented fix did
The original is kept beside the shuffle, and each epoch is shuffled from it. The place on a second resume was mended in
another change.

## Fix
The order of every epoch is drawn from seed and epoch alone, and the place is the step number, which counts from the
first step of the run (`order` and `Schedule` in `sad/data/schedule.py`).

## Source
pytorch/torchtitan#2865, #3008 and #3908; P06 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import Plain, PlainRun, State
from sad.subjects.resumable import Resumable, Setting, Taken


class _Replaces(PlainRun):
    """Holds its data in the order of the last shuffle."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.data = list(range(setting.size))
        self.shuffled: int | None = None

    def order(self, epoch: int) -> Sequence[int]:
        if self.shuffled != epoch:
            self.data = [self.data[place] for place in super().order(epoch)]
            self.shuffled = epoch
        return self.data


class _CountsFromTheProcess(PlainRun):
    """Skips what the checkpoint says was drawn; says what this process has drawn."""

    skipped = drawn = 0

    def samples(self) -> Sequence[int]:
        step, self.step = self.step, self.skipped + self.drawn
        try:
            return super().samples()
        finally:
            self.step = step

    def take(self) -> Taken:
        taken = super().take()
        self.drawn += 1
        return taken

    def state(self) -> State:
        return {**super().state(), "drawn": self.drawn}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.skipped = state["drawn"]


def buggy() -> Resumable:
    """Each epoch shuffles the last one's order."""
    return Plain(_Replaces)


def counts_from_the_process() -> Resumable:
    """The saved place counts from the last resume."""
    return Plain(_CountsFromTheProcess)


fixed = shipped_resumable
VARIANTS = {"the place counts from the last resume": counts_from_the_process}

BUG = Bug(
    "V505", "reshuffles-the-shuffled", __doc__, (resume_equivalence,), buggy, fixed, variants=VARIANTS, covers=("P06",)
)
