"""On several processes the loader shuffles by a constant

## Symptom
None. On one process another seed gives another order, on several it does not.

## Mechanism
All processes must draw one order, so the loader's random sampler is given a generator when it is prepared for several
processes. The generator is seeded with 42, whatever the user had set: the seed of the run decides nothing any more.
Shown in two processes joined by gloo, each of which prepares a sampler and draws from it.

## What its documented fix did
The generator's seed is drawn from torch's global generator, which the user's seed has set.

## Fix
The order is a function of the recipe's seed and the epoch, the same on every process; a process takes its part of it
(`Schedule.micro_batches` in `sad/data/schedule.py`).

## Source
huggingface/accelerate#3459; A03 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.distributed as dist

from sad.bug import Bug
from sad.invariants.resume_equivalence import resume_equivalence
from sad.shipped.resumable import shipped_resumable
from sad.subjects.plain.run import Plain, PlainRun
from sad.subjects.processes import on_processes
from sad.subjects.resumable import Resumable

PROCESSES = 2


class _Sampler:
    """Draws an order for each epoch from its generator; on one process the generator has the user's seed."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed

    def order(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(epoch + 1):
            drawn = torch.randperm(self.size, generator=generator)
        return drawn.tolist()


def _prepared(sampler: _Sampler, processes: int) -> _Sampler:
    """Return the sampler for each of several processes."""
    if processes > 1:
        sampler.seed = 42
    return sampler


class _SeveralProcesses(PlainRun):
    """Its samples are those of all processes, each of which takes every other one of the common order."""

    def order(self, epoch: int) -> Sequence[int]:
        size = self.setting.size
        every = _drawn_by_two(size, self.setting.seed, epoch)
        return [every[place % PROCESSES][place] for place in range(size)]


@cache
def _drawn_by_two(size: int, seed: int, epoch: int) -> Sequence[Sequence[int]]:
    """The order that each process draws: the same every time, and asked for at every step."""
    return on_processes(_drawn, (size, seed, epoch), PROCESSES)


def _drawn(given: tuple[int, int, int]) -> list[int]:
    size, seed, epoch = given
    return _prepared(_Sampler(size, seed), dist.get_world_size()).order(epoch)


def buggy() -> Resumable:
    """Two processes, prepared with the constant."""
    return Plain(_SeveralProcesses)


fixed = shipped_resumable

BUG = Bug("V507", "loader-has-a-constant-seed", __doc__, (resume_equivalence,), buggy, fixed, covers=("A03",))
