"""The logarithm of a softmax in half precision is -inf

## Symptom
An infinite or NaN loss in float16, at the first token that a model finds unlikely. In bfloat16 no alarm: the loss
falls, and near the teacher the gradient is mostly noise.

## Mechanism
`softmax(x).log()` rounds the probability to the dtype of the logits before it takes the logarithm. float16 has nothing
below 6e-8: of 200 tokens 183 became -inf. `log_softmax` subtracts, and never leaves the logarithm.

## What its documented fix did
`log_softmax`, after a cast to float32.

## Fix
Products with a head come out in float32 (`sad/head/products.py`), and no logarithm is taken of a probability: the log
of the sum of the exponentials is subtracted from the logit (`sad/losses/kd.py`).

## Source
linkedin/Liger-Kernel ac2e8f45 and 336; N02 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.finite import finite
from sad.invariants.half_precision import half_precision
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes

Log = Callable[[Tensor], Tensor]


def buggy() -> Divergence:
    """`softmax(x).log()` in the dtype of the logits."""
    return Divergence(Contract(takes=frozenset({Takes.LABELS})), lambda given: _kl(given, _log_of_softmax))


def log_softmax_in_half() -> Divergence:
    """`log_softmax` in the dtype of the logits, by a loss that claims to be exact."""
    return Divergence(
        Contract(strict=True, takes=frozenset({Takes.LABELS})),
        lambda given: _kl(given, lambda z: torch.log_softmax(z, dim=-1)),
    )


fixed = distillation


def _log_of_softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1).log()


def _kl(given: Given, log: Log) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    log_q, log_p = log(given.student_logits[rows]), log(given.teacher_logits.detach()[rows])
    each = torch.where(log_p.isneginf(), 0.0, log_p.exp() * (log_p - log_q))
    return each.sum() / max(1, len(log_p))


BUG = Bug(
    "V217",
    "log-of-a-softmax",
    __doc__,
    (half_precision, finite),
    buggy,
    fixed,
    variants={"log_softmax in half precision": log_softmax_in_half},
    covers=("N02",),
)
