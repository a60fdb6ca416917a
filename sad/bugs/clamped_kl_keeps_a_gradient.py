"""A clamped KL still has the gradient of the weight before it

## Symptom
Where the KL of a token is cut, at the tokens that are farthest away, the policy is pushed nonetheless, by the value of
the clamp times the gradient of the token's log-probability. Runs with a far reference are unstable.

## Mechanism
An estimate of the KL from a sampled token is cut at a largest value, then multiplied by an importance weight, which
is 1 and has a gradient. Cut, the estimate is a constant; the weight's gradient, times that constant, is left.

## What its documented fix did
It detaches the weight where the clamp is in force.

## Fix
The code that trains has the whole KL, with no sampling and no clamp (`sad/losses/kd.py`), judged by the same property.

## Source
NVIDIA-NeMo/RL 2958; R02 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

LARGEST = 10.0


def buggy() -> Divergence:
    """The weight has its gradient everywhere."""
    return Divergence(Contract(Kind.OTHER, takes=frozenset({Takes.LABELS})), _loss, by_the_book)


fixed = distillation


def by_the_book(student: Tensor, teacher: Tensor, given: Given) -> Tensor:
    """The estimate r - 1 - log r of every row, r the teacher's probability of the label over the student's.

    Its gradient is that of its expectation under the student: of the estimate, and of the probability with which the
    label is drawn. Above ``LARGEST`` it is that number, and has none.
    """
    log_q = _of_label(student, given)
    ratio = _of_label(teacher, given) - log_q
    estimate = ratio.exp() - 1 - ratio
    drawn = estimate.detach() * (log_q - log_q.detach())
    return torch.where(estimate > LARGEST, LARGEST + 0.0 * log_q, estimate + drawn)


def _loss(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    log_q = _of_label(given.student_logits.float(), given)[rows]
    ratio = _of_label(given.teacher_logits.detach().float(), given)[rows] - log_q
    weight = (log_q - log_q.detach()).exp()
    return (weight * (ratio.exp() - 1 - ratio).clamp(max=LARGEST)).sum() / max(1, len(log_q))


def _of_label(logits: Tensor, given: Given) -> Tensor:
    """The log-probability of every row's label."""
    labels = torch.zeros(logits.shape[:2], dtype=torch.int64) if given.labels is None else given.labels.clamp_min(0)
    return torch.log_softmax(logits, dim=-1).gather(-1, labels[..., None]).squeeze(-1)


BUG = Bug("V218", "clamped-kl-keeps-a-gradient", __doc__, (divergence_gradient,), buggy, fixed, covers=("R02",))
