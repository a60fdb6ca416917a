"""Logits are rounded to bfloat16, and near the teacher the gradient is noise

## Symptom
A student in bfloat16 follows its teacher well at first. Then the KL goes on falling, slowly, and the student no longer
gets better; a smaller learning rate does not help. No value is wrong, no alarm goes off.

## Mechanism
The head's product comes out in bfloat16 and is cast to float32 afterwards. A logit of 12 is then off by up to 0.03,
at random. The gradient is the difference of two softmaxes: 2.5% of it is noise at a KL of 15 nats, 67% at 0.0015.

## What its documented fix did
`logits.float()` before the softmax: everything after the rounding is exact, and the rounding stays.

## Fix
Products that come out in float32 (`Products` in `sad/head/products.py`, `Head.finished` in `sad/head/linear.py`):
bfloat16 in, float32 out, nothing in between. The gradient to the logits may be rounded on its way, as that is 0.2% of
itself however small it is.

## Source
Measured on transformers, DistillKit, TRL's GKD and Liger, all of which round; N02 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.logits_precision import logits_precision
from sad.shipped.states_loss import states_loss
from sad.subjects.states import States, StatesLoss


def buggy() -> StatesLoss:
    """Both heads in bfloat16, and the divergence too."""
    return lambda given: _kl(*_logits(given))


def cast_afterwards() -> StatesLoss:
    """The divergence in float32."""
    return lambda given: _kl(*(logits.float() for logits in _logits(given)))


fixed = states_loss


def _logits(given: States) -> tuple[Tensor, Tensor]:
    return given.hidden[given.at] @ given.weight.T, given.teacher_hidden @ given.teacher_weight.T


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    log_q, log_p = (torch.log_softmax(logits, dim=-1) for logits in (student, teacher))
    return (log_p.exp() * (log_p - log_q)).sum()


BUG = Bug(
    "V219",
    "logits-are-rounded",
    __doc__,
    (logits_precision,),
    buggy,
    fixed,
    {"float32 after the product": cast_afterwards},
)
