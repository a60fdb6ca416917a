"""Moments are kept by piece, and found again only by as many processes as wrote them

## Symptom
A run that is taken up by as many processes as before goes on as it should. Taken up by fewer or more it either ends
with an error about sizes, or goes on without a word: the loss jumps a little, and a run that is restarted often learns
more slowly than one that is not.

## Mechanism
With the weights in pieces (FSDP) the optimizer of a process has the moments of its own part of each matrix. Each
process writes these for itself, or the first one alone does, and looks for them under its own number when it is taken
up. Other processes hold other rows: what they find is of another shape, or not there, and they begin with zeros. Shown
in two processes joined by gloo, under FSDP2, taken up by one.

## What its documented fix did
The moments are gathered on all processes when they are saved, and each takes what it holds of the whole when it is
taken up.

## Fix
A checkpoint has the whole moments by the name of the weight, as one process would have written them, and each process
takes its pieces of them (`sad/train/processes/sharded.py` and `sad/train/saving/checkpoint.py`).

## Source
huggingface/transformers pull request 23111 (the first process' alone); Lightning-AI/pytorch-lightning 16815 and
pytorch/pytorch 65650 (an error where the number of processes is another).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from sad.bug import Bug
from sad.invariants.pieces_go_on import pieces_go_on
from sad.shipped.sharded import sharded_trainer
from sad.subjects.pieces import Pieces
from sad.subjects.plain.fsdp_run import MOMENT, FsdpRun


class _KeepsItsPiece(FsdpRun):
    """Each process writes the moments that it has, and looks for them by its number."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        (process,) = self.processes
        (state,) = process.optimizer.state.values()
        if self.writes():
            torch.save(_here(state[MOMENT]), folder / f"moments-{_rank()}.pt")

    def moment(self, folder: Path, saved: Tensor) -> Tensor:
        own, file = _here(saved), folder / f"moments-{_rank()}.pt"
        found = torch.load(file) if file.exists() else torch.zeros_like(own)
        own.copy_(found if found.shape == own.shape else torch.zeros_like(own))
        return saved

    @staticmethod
    def writes() -> bool:
        """Whether this process writes its own."""
        return True


class _KeepsTheFirst(_KeepsItsPiece):
    """The first process writes the moments that it has, and nobody else does."""

    @staticmethod
    def writes() -> bool:
        return _rank() == 0


def buggy() -> Pieces:
    """Each process keeps its moments for itself."""
    return _KeepsItsPiece()


def first_alone() -> Pieces:
    """Those of the first process alone are kept."""
    return _KeepsTheFirst()


fixed = sharded_trainer


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def _here(value: Tensor) -> Tensor:
    return value.to_local() if isinstance(value, DTensor) else value


BUG = Bug(
    "V511",
    "moments-stay-with-their-piece",
    __doc__,
    (pieces_go_on,),
    buggy,
    fixed,
    variants={"the first process' alone": first_alone},
)
