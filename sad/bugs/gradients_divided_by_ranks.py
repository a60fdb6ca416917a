"""A sum over all processes that is averaged once more

## Symptom
The gradient is half as long on two processes, a quarter on four; the gradient norm falls with the number of processes,
and with clipping or Adam the run looks almost as it should.

## Mechanism
The loss is divided by the labels of all processes, which makes the gradient of the step the sum of theirs. FSDP and
DistributedDataParallel average: they divide that sum by the number of processes again. Shown under both, in two
processes joined by gloo.

## What its documented fix did
It multiplied by the number of processes. The sum over all labels had come in with the fix of the mean of means (V401):
mending that fault on one process had brought this one on several.

## Fix
The loss of each micro-batch is multiplied by the number of processes before the backward pass (`Joined.backward` in
`sad/train/processes/gradients.py`).

## Source
pytorch/torchtune#2172 (e420bc0c7), after #1917; K03 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import MicroBatch, Process
from sad.subjects.trainer import Trainer


class _Averaged(DdpLoop):
    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        return super().loss(process, texts, window) / self.setup.processes


class _AveragedInPieces(_Averaged, FsdpLoop):
    """The same where the weights are in pieces."""


def buggy() -> Trainer:
    """Divided by the labels of all processes, and averaged by DistributedDataParallel."""
    return _Averaged()


def in_pieces() -> Trainer:
    """Divided by the labels of all processes, and averaged by FSDP2."""
    return _AveragedInPieces()


fixed = shipped_trainer

BUG = Bug(
    "V403",
    "gradients-divided-by-ranks",
    __doc__,
    (split_invariance,),
    buggy,
    fixed,
    variants={"under FSDP2": in_pieces},
    covers=("K03",),
)
