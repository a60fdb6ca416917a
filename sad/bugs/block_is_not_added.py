"""Of a row that is longer than a block only the last block counts

## Symptom
None: the tests of the kernel compared nothing. With a vocabulary beyond a block the KL is that of its last tokens;
with the mean, the gradient is as many times too large as there are rows.

## Mechanism
A row is worked through in blocks of tokens. Each block stores its part of the sum where the one before stored its own,
instead of adding to it. The mean was applied to the loss and not to the gradient, which is formed beside it.
It is shown here in plain torch, in blocks of the same size; the original is a Triton kernel.

## What its documented fix did
It adds the blocks, and puts an `assert` before the comparison of the test.

## Fix
The whole row is in memory when its value is taken, and the values of all rows are added at once at the end
(`sad/head/blocks.py`); the objective divides value and gradient together (`sad/objective.py`).

## Source
linkedin/Liger-Kernel 262, issue 259; L08 of the catalogue of real bugs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.derivative import derivative
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation
from sad.subjects.divergence import Contract, Divergence, Given

BLOCK = 16_384
"""Tokens of a block."""


def buggy() -> Divergence:
    """Each block over the one before."""
    return Divergence(Contract(), _last_block)


def mean_of_the_loss_alone() -> Divergence:
    """The gradient is that of the sum."""
    return Divergence(Contract(), lambda given: _Kl.apply(*_flat(given)))  # type: ignore[no-untyped-call]


fixed = distillation


def _flat(given: Given) -> tuple[Tensor, Tensor]:
    return given.student_logits.flatten(0, 1), given.teacher_logits.detach().flatten(0, 1)


def _last_block(given: Given) -> Tensor:
    log_q, log_p = (torch.log_softmax(z.float(), dim=-1) for z in _flat(given))
    each = torch.zeros(len(log_q))
    for at in range(0, log_q.shape[-1], BLOCK):
        mine, theirs = log_q[:, at : at + BLOCK], log_p[:, at : at + BLOCK]
        each = (theirs.exp() * (theirs - mine)).sum(dim=-1)
    return each.mean()


class _Kl(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:  # noqa: ANN401 - without a public type
        log_q, log_p = (torch.log_softmax(z.float(), dim=-1) for z in (student, teacher))
        ctx.save_for_backward(log_q.exp() - log_p.exp())
        return (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None


BUG = Bug(
    "V211",
    "block-is-not-added",
    __doc__,
    (path_parity, divergence_gradient, derivative),
    buggy,
    fixed,
    variants={"the mean of the loss alone": mean_of_the_loss_alone},
    covers=("L08",),
)
