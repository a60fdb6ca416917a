"""Temperature squared in the reported value, or missing from the gradient

## Symptom
A distillation loss of 30 to 40 that falls by 4/9 on the day the temperature is lowered from 3 to 2; or, in other code,
a distillation loss that does nothing: at T = 8 its gradient has 1/64 of its size.

## Mechanism
The gradient of a KL between softened distributions shrinks as 1/T², so it is multiplied by T². Multiplied into the
loss that is logged, weighted and compared, T becomes a unit. Left out, T turns the term off.

## What its documented fix did
The temperature was lowered, T² = 9 to T² = 4: smaller numbers for the same distributions, read as an improvement.

## Fix
The value is the plain divergence in nats, and only its gradient is scaled (`rows` in `sad/losses/kd.py`).

## Source
rakeshb49/student_aware_distillation, runs 3 and 4; S20 of the catalogue of real bugs. Missing: keras-io 869,
transformers 12299.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.arguments_have_effect import arguments_have_effect
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Squared, Takes

CONTRACT = Contract(squared=Squared.GRADIENT, takes=frozenset({Takes.LABELS, Takes.TEMPERATURE}))
"""The value in nats at any temperature, the gradient of one size: what a logged term must be."""


def buggy() -> Divergence:
    """T² on the value."""
    return Divergence(CONTRACT, lambda given: given.temperature**2 * _kl(given))


def without_the_factor() -> Divergence:
    """No T² at all."""
    return Divergence(CONTRACT, _kl)


def once_only() -> Divergence:
    """T instead of T²."""
    return Divergence(replace(CONTRACT, squared=Squared.BOTH), lambda given: given.temperature * _kl(given))


fixed = distillation


def _kl(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    p = torch.softmax(given.teacher_logits.detach()[rows].float() / given.temperature, dim=-1)
    log_q = torch.log_softmax(given.student_logits[rows].float() / given.temperature, dim=-1)
    return F.kl_div(log_q, p, reduction="sum") / max(1, len(p))


BUG = Bug(
    "V109",
    "temperature-squared",
    __doc__,
    (divergence_gradient, arguments_have_effect),
    buggy,
    fixed,
    variants={"the factor left out": without_the_factor, "the factor without its square": once_only},
    covers=("B02",),
)
