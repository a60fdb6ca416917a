"""The seed does not reach the data

## Symptom
None. Runs with several seeds agree better than they should: they differ in the initial weights, not in the order.

## Mechanism
The streaming dataset takes a seed and has a default for it; the code that builds the dataset has the user's seed at
hand and does not pass it.

## What its documented fix did
It passes the seed.

## Fix
The schedule of the samples is made from the recipe's seed, which has no second default (`Plan.schedule` in
`sad/train/plan.py`).

## Source
Lightning-AI/litgpt#1425; G04 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.streaming import streamed_resumable
from sad.subjects.plain.run import Plain, PlainRun
from sad.subjects.resumable import Resumable


class _Stream:
    """A shuffled stream of numbers."""

    def __init__(self, size: int, seed: int = 42) -> None:
        self.size, self.seed = size, seed

    def order(self, epoch: int) -> list[int]:
        draw = torch.Generator().manual_seed(1000 * self.seed + epoch)
        return torch.randperm(self.size, generator=draw).tolist()


class _NotPassed(PlainRun):
    def order(self, epoch: int) -> Sequence[int]:
        return _Stream(self.setting.size).order(epoch)


def buggy() -> Resumable:
    """The stream keeps its default."""
    return Plain(_NotPassed)


fixed = streamed_resumable

BUG = Bug("V506", "seed-misses-the-data", __doc__, (resume_equivalence,), buggy, fixed, covers=("G04",))
