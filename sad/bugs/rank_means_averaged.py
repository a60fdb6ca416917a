"""The mean of the processes' means

## Symptom
The same texts give another gradient on two processes than on one (40% away, for 2 and 8 labels), and the loss of a run
differs with the number of processes.

## Mechanism
Each process divides by its own labels. DistributedDataParallel and FSDP then average the gradients over processes: a
process whose texts are short counts as much as one whose texts are long. Shown in two processes joined by gloo, whose
gradients DistributedDataParallel averages.

## What its documented fix did
The labels are counted over all processes, and the loss is multiplied by their number, so that the average is the sum.
The same fault stands where each micro-batch on each process is a mean of its own.

## Fix
The units of a step are summed over the processes before its first forward pass (`total_units` in `sad/train/step.py`),
each sum is divided by them (`Objective.part` in `sad/objective.py`), and the loss is multiplied by the number of
processes (`Joined.backward` in `sad/train/processes/gradients.py`).

## Source
huggingface/transformers#34242 and pull request #34373; pytorch/torchtitan#2206 and #1842. X04 and P05 of the catalogue
of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.loop import MicroBatch, Process
from sad.subjects.trainer import Trainer


class _OwnCount(DdpLoop):
    """Each process divides by its labels of the window."""

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        super().loss(process, texts, window)
        count = max(1, self.own_labels(texts, window))
        parts = [self.term_weights()[name] * value / count for name, value in self.summed(process, texts).items()]
        return torch.stack(parts).sum()

    def own_labels(self, _texts: Sequence[int], window: Sequence[MicroBatch]) -> int:
        rank = dist.get_rank() if dist.is_initialized() else 0
        return self.labels([[batch[rank]] for batch in window])


class _OwnMicroBatch(_OwnCount):
    """Each micro-batch of each process divides by its own labels, and by the accumulation."""

    def own_labels(self, texts: Sequence[int], window: Sequence[MicroBatch]) -> int:
        return self.labels([[texts]]) * len(window)


def buggy() -> Trainer:
    """Two processes, each with its own count."""
    return _OwnCount()


def local_means() -> Trainer:
    """Processes and micro-batches, each with its own count."""
    return _OwnMicroBatch()


fixed = shipped_trainer

BUG = Bug(
    "V402",
    "rank-means-averaged",
    __doc__,
    (split_invariance,),
    buggy,
    fixed,
    variants={"means of micro-batches and of processes": local_means},
    covers=("X04", "P05"),
)
