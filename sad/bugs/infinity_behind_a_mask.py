"""A mask hides an infinite loss, and lets its NaN through to the gradient

## Symptom
`grad_norm` is NaN at the first step; the loss looks fine.

## Mechanism
The teacher's log-probabilities come from a server, in a rectangle that is filled with -inf where a text is shorter.
In a reverse KL they are multiplied by the student's probability, which is not 0: the product is infinite, or NaN.
`nan_to_num` and the mask make a number of it in the forward pass. The backward pass multiplies 0 by infinity.
In a forward KL the teacher's probability is 0 there, so that nothing was ever seen.

## What its documented fix did
It replaced what is not finite before the divergence, where a mask says that nothing is asked.

## Fix
Rows that do not count are selected away before any product (`sad/terms/`); the divergence leaves out
products with a probability of 0 (`sad/losses/kd.py`).

## Source
huggingface/trl 5594; T09 of the catalogue of real bugs. Soup 719 is a neighbour.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.finite import finite
from sad.invariants.ignored_rows import ignored_rows
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

CONTRACT = Contract(Kind.REVERSE_KL, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """What is not finite becomes 0, then the mask."""
    return Divergence(CONTRACT, lambda given: _masked(given, _per_token(given).nan_to_num(0.0, 0.0, 0.0).sum(dim=-1)))


def selected_afterwards() -> Divergence:
    """What is not finite becomes 0 in the sum over tokens, then rows are selected."""
    return Divergence(CONTRACT, lambda given: _masked(given, _per_token(given).sum(dim=-1).nan_to_num(0.0, 0.0, 0.0)))


fixed = distillation


def _per_token(given: Given) -> Tensor:
    log_q = torch.log_softmax(given.student_logits.float(), dim=-1)
    log_p = torch.log_softmax(given.teacher_logits.detach().float(), dim=-1)
    return log_q.exp() * (log_q - log_p)


def _masked(given: Given, each: Tensor) -> Tensor:
    mask = torch.ones_like(each) if given.labels is None else (given.labels != IGNORED).float()
    return (each * mask).sum() / mask.sum().clamp_min(1)


BUG = Bug(
    "V206",
    "infinity-behind-a-mask",
    __doc__,
    (ignored_rows, finite),
    buggy,
    fixed,
    variants={"rows selected afterwards": selected_afterwards},
    covers=("T09",),
)
