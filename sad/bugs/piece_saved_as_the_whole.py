"""A piece is saved in place of the whole matrix

## Symptom
The run ends well. What it has saved cannot be loaded (half of the rows are missing), or loads and has learned only in
some of its rows; found out when the run is restarted, or the model is used.

## Mechanism
With the weights in pieces (FSDP) a process' own state holds its part of each matrix. The process that writes takes that
part for the matrix: the others do not take part in the save. Shown in two processes joined by gloo, under FSDP2.

## What its documented fix did
When such a file is read, the pieces are put together again by the places that the running model gives them, on as many
processes as wrote them.

## Fix
Every process takes part in a save, and the first one writes what was gathered (`whole_state` in
`sad/train/processes/sharded.py`): a checkpoint is that of one process, and any number of processes can go on with it.

## Source
RLinf/RLinf pull request 1569 ([64, 32] saved of [128, 32]); pytorch/pytorch 136950 (some parameters only).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from sad.bug import Bug
from sad.invariants.pieces_make_the_whole import pieces_make_the_whole
from sad.shipped.sharded import sharded_trainer
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import make_model
from sad.subjects.trainer import Trainer


class _SavesItsPiece(FsdpLoop):
    def saved(self) -> Mapping[str, Tensor]:
        return {name: _here(value) for name, value in self.processes[0].model.state_dict().items()}


class _SavesWhatItHas(_SavesItsPiece):
    """Of the right shape: what is not here is as it was first made."""

    def saved(self) -> Mapping[str, Tensor]:
        with torch.no_grad():
            return {name: _put(value, make_model().state_dict()[name]) for name, value in super().saved().items()}


def buggy() -> Trainer:
    """The first process writes the rows that it has."""
    return _SavesItsPiece()


def unlearned() -> Trainer:
    """The first process writes a matrix of which it knows some rows."""
    return _SavesWhatItHas()


fixed = sharded_trainer


def _here(value: Tensor) -> Tensor:
    return value.to_local() if isinstance(value, DTensor) else value


def _put(rows: Tensor, first: Tensor) -> Tensor:
    return torch.cat([rows, first[len(rows) :]])


BUG = Bug(
    "V510",
    "piece-saved-as-the-whole",
    __doc__,
    (pieces_make_the_whole,),
    buggy,
    fixed,
    variants={"rows of other processes as they were made": unlearned},
)
