"""Resume in a later epoch replays the order of the first

## Symptom
None in the loss. Samples of the epoch that was interrupted are trained on twice, others not at all.

## Mechanism
The order of an epoch comes from seed plus epoch, and the sampler is told the epoch by `set_epoch` when one begins. A
resumed run builds the sampler anew to skip the batches that were done, after `set_epoch` has been called on the old
one: the new one skips and goes on in the order of epoch 0. A test that resumes within the first epoch passes.

## What its documented fix did
`set_epoch` is called on the sampler after it was rebuilt. An earlier proposal passed the call on through a wrapper that
had swallowed it.

## Fix
There is no sampler to be told: the order is a function of seed and epoch, and the epoch one of the step number
(`order` and `Schedule` in `sad/data/schedule.py`).

## Source
modelscope/ms-swift#9658 and #10050; W06 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import Plain, PlainRun
from sad.subjects.resumable import Resumable, Taken


class _Sampler(PlainRun):
    """Its sampler knows the epoch that it was told last."""

    epoch = 0

    def order(self, epoch: int) -> Sequence[int]:  # noqa: ARG002 - it goes by what it was told
        return super().order(self.epoch)

    def take(self) -> Taken:
        taken = super().take()
        if self.step % self.setting.steps_per_epoch == 0:
            self.epoch = self.step // self.setting.steps_per_epoch
        return taken


def buggy() -> Resumable:
    """The rebuilt sampler is not told the epoch."""
    return Plain(_Sampler)


fixed = shipped_resumable

BUG = Bug("V504", "resume-replays-the-first-epoch", __doc__, (resume_equivalence,), buggy, fixed, covers=("W06",))
