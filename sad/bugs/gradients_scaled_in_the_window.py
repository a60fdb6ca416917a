"""Accumulated gradients are divided at every micro-step

## Symptom
The gradient norm is far too small with accumulation, and the last micro-batches of a window count most: of four, the
first is divided by 4 four times, the last once.

## Mechanism
A pipeline schedule divides the gradients by the number of micro-batches when it ends, in place. Where it runs several
times before an optimizer step it divides what it has divided before: the gradient becomes a decaying average.

## What its documented fix did
It scaled the loss instead, and left the gradients alone.

## Fix
The loss of each micro-batch is divided once, by the units of the whole step; nothing touches accumulated gradients but
the clipping, once (`take_step` in `sad/train/step.py`, `Joined.clip` in `sad/train/processes/gradients.py`).

## Source
pytorch/torchtitan#1732 (3e1b843ec), issue #1733; P04 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import MicroBatch, PlainLoop, Process
from sad.subjects.trainer import Trainer


class _ScaledGradients(PlainLoop):
    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        self.micro_steps = len(window)
        return super().loss(process, texts, window) * self.micro_steps

    def backward(self, process: Process, loss: Tensor) -> None:
        super().backward(process, loss)
        for parameter in process.model.parameters():
            if parameter.grad is not None:
                parameter.grad /= self.micro_steps


def buggy() -> Trainer:
    """Gradients divided after each micro-batch."""
    return _ScaledGradients()


fixed = shipped_trainer

BUG = Bug("V407", "gradients-scaled-in-the-window", __doc__, (split_invariance,), buggy, fixed, covers=("P04",))
