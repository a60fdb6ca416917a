"""A token that cannot come makes the loss NaN

## Symptom
NaN, at the first batch where a token is masked out by -inf, or where the teacher is so sure that a probability is 0.

## Mechanism
The KL is written as p (log p - log q). Where p is 0 its logarithm is -inf, and 0 x infinity is NaN; the limit is 0.

## What its documented fix did
`F.kl_div`, which takes p log p as 0 there; but p log q is still NaN where both rule a token out.

## Fix
Products with a probability of 0 are left out before they are added (`sad/losses/kd.py`).

## Source
A class of bugs in TRL, ms-swift and others; N01 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.finite import finite
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes

STRICT = Contract(strict=True, takes=frozenset({Takes.LABELS}))
"""It claims to take tokens that cannot come."""
PLAIN = Contract(takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """p (log p - log q), with -inf among the logarithms."""
    return Divergence(STRICT, _by_hand)


def by_torch() -> Divergence:
    """By `F.kl_div`, where both rule a token out."""
    return Divergence(STRICT, _by_torch)


def of_probabilities() -> Divergence:
    """The logarithm of a probability that is too small for a float, of logits that are all finite."""
    return Divergence(PLAIN, _of_probabilities)


fixed = distillation


def _rows(given: Given) -> tuple[Tensor, Tensor]:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    return given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()


def _by_hand(given: Given) -> Tensor:
    log_q, log_p = (torch.log_softmax(z, dim=-1) for z in _rows(given))
    return (log_p.exp() * (log_p - log_q)).sum() / max(1, len(log_p))


def _by_torch(given: Given) -> Tensor:
    log_q, log_p = (torch.log_softmax(z, dim=-1) for z in _rows(given))
    return F.kl_div(log_q, log_p.exp(), reduction="sum") / max(1, len(log_p))


def _of_probabilities(given: Given) -> Tensor:
    student, teacher = _rows(given)
    p, log_q = torch.softmax(teacher, dim=-1), torch.log_softmax(student, dim=-1)
    return (p * (p.log() - log_q)).sum() / max(1, len(p))


BUG = Bug(
    "V216",
    "zero-times-infinity",
    __doc__,
    (finite,),
    buggy,
    fixed,
    attempts={"F.kl_div": by_torch},
    variants={"the logarithm of probabilities": of_probabilities},
    covers=("N01",),
)
