"""A forward pass around the module that joins the processes

## Symptom
Nothing is logged that is wrong: each process trains on its own texts. A checksum of the weights differs between the
processes after the first step; the one that is saved has learned from a part of the data.

## Mechanism
DistributedDataParallel averages gradients in the backward pass of what its own ``forward`` made. A fused loss needs the
hidden states and the head, so it unwraps the model and calls the module inside: no gradient is ever averaged.

## What its documented fix did
The forward pass is redirected: the fused path runs inside the wrapper's ``forward``.

## Fix
Everything that needs a gradient happens in the forward of one module, and that module is called through its wrapper
(`sad/distiller.py`, `sad/train/step.py`), which `prepare` in `sad/train/processes/devices.py` makes. Judged in two
processes joined by gloo.

## Source
huggingface/trl#5934 (1cdf17e30); T14 of the catalogue of real bugs.
"""

from __future__ import annotations

from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.ddp_loop import DdpLoop
from sad.subjects.plain.loop import Process
from sad.subjects.trainer import Trainer


class _Unwrapped(DdpLoop):
    def forward(self, process: Process, read: Tensor) -> Tensor:
        logits: Tensor = getattr(process.model, "module", process.model)(read)
        return logits


def buggy() -> Trainer:
    """Two processes, each of which calls the module inside the wrapper."""
    return _Unwrapped()


fixed = shipped_trainer

BUG = Bug("V404", "unwrapped-forward", __doc__, (split_invariance,), buggy, fixed, covers=("T14",))
