"""The norm of one piece, taken for that of the whole gradient

## Symptom
The gradient norm that is logged falls with the square root of the number of processes, and differs between them. Where
it also decides the clip, a gradient is clipped too late, and each process shortens its piece by another factor: the
gradient is turned as well.

## Mechanism
With the weights in pieces (FSDP) each process has a part of the gradient. The sum of squares is taken over that part,
and never added over the processes: because local tensors are looked at, or because the norm of a DTensor is partial
until it is gathered, and `item()` gives what of it is here. Shown in two processes joined by gloo, under FSDP2; torch
2.13 gathers the norm that `clip_grad_norm_` returns, so the faulty code reads its piece itself.

## What its documented fix did
The norm is gathered (`full_tensor()`) before it is logged; where it was computed by hand, torch's own functions, which
know of pieces, took its place.

## Fix
The norm is gathered before anything reads it (`Joined.clip` in `sad/train/processes/gradients.py`, `norm` in
`sad/train/processes/sharded.py`).

## Source
meta-pytorch/torchtune pull request 2248, radixark/miles_diffusion pull request 35 and pytorch/pytorch 166638 (the log
alone); baidu-baige/LoongForge pull request 152 and pytorch/pytorch 72548 (the clip too).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from sad.bug import Bug
from sad.invariants.pieces_make_the_whole import pieces_make_the_whole
from sad.shipped.sharded import sharded_trainer
from sad.subjects.plain.fsdp_loop import FsdpLoop
from sad.subjects.plain.loop import Process
from sad.subjects.trainer import Trainer


class _LogsItsPiece(FsdpLoop):
    """Clips by the whole norm, and logs what of it is here."""

    def clip(self, process: Process) -> float:
        norm = float(nn.utils.get_total_norm(_here(process)))
        super().clip(process)
        return norm


class _ClipsByItsPiece(FsdpLoop):
    """Measures and clips the piece that it has."""

    def clip(self, process: Process) -> float:
        pieces = _here(process)
        norm = float(nn.utils.get_total_norm(pieces))
        for piece in pieces:
            piece.mul_(min(1.0, self.setup.clip / (norm + 1e-6)))
        return norm


def buggy() -> Trainer:
    """The norm of a piece, in the log."""
    return _LogsItsPiece()


def clipped() -> Trainer:
    """The norm of a piece, in the log and in the clip."""
    return _ClipsByItsPiece()


def _here(process: Process) -> list[Tensor]:
    """What of the gradient is in this process."""
    grads = [p.grad for p in process.model.parameters() if p.grad is not None]
    return [grad.to_local() if isinstance(grad, DTensor) else grad for grad in grads]


fixed = sharded_trainer

BUG = Bug(
    "V414",
    "norm-of-one-piece",
    __doc__,
    (pieces_make_the_whole,),
    buggy,
    fixed,
    variants={"the clip too": clipped},
)
