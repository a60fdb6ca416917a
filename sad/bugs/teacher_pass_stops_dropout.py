"""The teacher's eval() switches off the student's dropout

## Symptom
None that looks like a fault: the training loss is a little better, and the student overfits sooner.

## Mechanism
Teacher and student are one module, the teacher being the base model with the adapter off. Before its pass the teacher
is put in evaluation mode, which is the student's mode too, and nobody puts it back before the student's own pass: it
trains without dropout.

## What its documented fix did
The mode is put back after the pass. The obvious way, `model.train()`, also wakes what was meant to sleep: a frozen norm
gathers statistics, a frozen part drops. Leaving `eval()` out is the opposite fault: the teacher answers with dropout.

## Fix
Teacher and student are two modules; the teacher is put in evaluation mode once and kept out of `train()`
(`sad/distiller.py`). Evaluation notes the mode of every module and puts each back (`sad/evaluate.py`).

## Source
Review of huggingface/trl#5862; for the opposite yxuansu/TaCL#11, Sharpiless/yolov5-knowledge-distillation#5 and
overhaul#37; E03 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.modes_restored import Passes, modes_restored
from sad.shipped.passes import shipped_passes

WIDTH = 16


class _Adapted(nn.Module):
    """A base with an adapter beside it: the student with it, the teacher without. Its norm is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.base = nn.BatchNorm1d(WIDTH), nn.Linear(WIDTH, WIDTH)
        self.drop, self.adapter = nn.Dropout(0.5), nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, inputs: Tensor, *, adapted: bool) -> Tensor:
        states: Tensor = self.drop(self.base(self.norm(inputs)))
        return states + self.adapter(states) if adapted else states


def _passes(*, before: bool, after: bool) -> Passes:
    """Shared passes: whether the teacher's begins with `eval()`, and whether it ends with `train()`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, inputs = _Adapted(), torch.randn(8, WIDTH)

    @torch.no_grad()
    def teacher() -> Tensor:
        if before:
            model.eval()
        answer: Tensor = model(inputs, adapted=False)
        if after:
            model.train()
        return answer

    return Passes(model, {"the teacher's pass": teacher}, lambda: F.mse_loss(model(inputs, adapted=True), teacher()))


def buggy() -> Passes:
    """Evaluation mode, and nothing afterwards."""
    return _passes(before=True, after=False)


def trains_afterwards() -> Passes:
    """Training mode for all afterwards."""
    return _passes(before=True, after=True)


def teacher_drops() -> Passes:
    """The teacher answers in the student's mode."""
    return _passes(before=False, after=False)


fixed = shipped_passes
ATTEMPTS = {"train() after the pass": trains_afterwards}
VARIANTS = {"the teacher answers with dropout": teacher_drops}

BUG = Bug(
    "V602",
    "teacher-pass-stops-dropout",
    __doc__,
    (modes_restored,),
    buggy,
    fixed,
    ATTEMPTS,
    variants=VARIANTS,
    covers=("E03",),
)
