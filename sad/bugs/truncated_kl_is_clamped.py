"""A KL over the teacher's top tokens is no KL, and is clamped at 0

## Symptom
The least loss of a token in a step is exactly 0.0, in 415 of 467 steps.

## Mechanism
Over the teacher's k likeliest tokens alone, neither distribution sums to 1. Where the student has more mass there than
the teacher, the sum is negative. It is cut at 0, and with it the gradient of that token; and what the student does
with the rest of its mass is never asked.

## What its documented fix did
Open when it was recorded: proposed is one bucket for all other tokens.

## Fix
The KL over the whole vocabulary (`rows` in `sad/losses/kd.py`). Where only the top is at hand: the top and a bucket,
which is a KL, or both distributions made to sum to 1.

## Source
verl-project/verl 7855 and 7856; DistillKit 18; B03 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.distinguishes import distinguishes
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes
from sad.subjects.probe.right import TOP, truncated_by_the_book

CONTRACT = Contract(Kind.OTHER, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Cut at 0."""
    return Divergence(CONTRACT, lambda given: _mean(_truncated(given).clamp_min(0.0)), truncated_by_the_book)


def not_clamped() -> Divergence:
    """Negative as it is."""
    return Divergence(CONTRACT, lambda given: _mean(_truncated(given)), truncated_by_the_book)


fixed = distillation


def _mean(each: Tensor) -> Tensor:
    return each.sum() / max(1, len(each))


def _truncated(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    student, teacher = given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()
    log_q, log_p = (torch.log_softmax(z, dim=-1) for z in (student, teacher))
    top = log_p.topk(min(TOP, log_p.shape[-1] - 1), dim=-1).indices
    log_q, log_p = log_q.gather(-1, top), log_p.gather(-1, top)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1)


BUG = Bug(
    "V215",
    "truncated-kl-is-clamped",
    __doc__,
    (distinguishes, divergence_gradient),
    buggy,
    fixed,
    variants={"not clamped": not_clamped},
    covers=("B03",),
)
