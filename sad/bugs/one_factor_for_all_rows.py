"""The backward pass multiplies every row by the factor of the first

## Symptom
Weights per token have no effect; where the first row has no label, nothing is learned at all. The loss is right.

## Mechanism
With `reduction="none"` the loss is a number for each row, and what comes back is a factor for each row: the token's
weight, or 0 under a mask. The kernel loads one number from that address, the first. The gradient was formed in the
forward pass, so that only this factor was left to apply.
It is shown here in plain torch, with a gradient formed in the forward pass; the original is a Triton kernel.

## What its documented fix did
It keeps the rows apart until the factors are known.

## Fix
The gradient of each row is formed with its value, by its own factors (`sad/losses/kd.py`). What is left to backward is
one scalar for each term, and a backward that gets another proportion than was announced refuses
(`sad/head/vocabulary.py`).

## Source
linkedin/Liger-Kernel 1298, issue 968; L06 of the catalogue of real bugs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.derivative import derivative
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.ignored_rows import ignored_rows
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes

CONTRACT = Contract(takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """The first row's factor for all."""
    return Divergence(CONTRACT, lambda given: _masked_mean(given, _FirstFactor))


def no_factor() -> Divergence:
    """No factor at all: right as long as the loss is sent back as it is, and a sum."""
    return Divergence(CONTRACT, lambda given: _masked_mean(given, _NoFactor))


fixed = distillation


class _FirstFactor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:  # noqa: ANN401 - without a public type
        log_q, log_p = (torch.log_softmax(z.float(), dim=-1) for z in (student, teacher))
        ctx.save_for_backward(log_q.exp() - log_p.exp())
        return (log_p.exp() * (log_p - log_q)).sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (slope,) = ctx.saved_tensors
        return gradients[0][0] * slope, None


class _NoFactor(_FirstFactor):
    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (slope,) = ctx.saved_tensors
        # what a mask left out stays out: all else is taken for 1 / n
        return (gradients[0] != 0)[:, None] * slope / max(1, int((gradients[0] != 0).sum())), None


def _masked_mean(given: Given, function: type[torch.autograd.Function]) -> Tensor:
    student, teacher = (z.flatten(0, 1) for z in (given.student_logits, given.teacher_logits.detach()))
    each: Tensor = function.apply(student, teacher)  # type: ignore[no-untyped-call]
    mask = torch.ones_like(each) if given.labels is None else (given.labels.flatten() != IGNORED).float()
    return (each * mask).sum() / mask.sum().clamp_min(1)


BUG = Bug(
    "V210",
    "one-factor-for-all-rows",
    __doc__,
    (ignored_rows, divergence_gradient, path_parity, derivative),
    buggy,
    fixed,
    variants={"no factor": no_factor},
    covers=("L06",),
)
