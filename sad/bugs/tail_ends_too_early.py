"""A token that completes the tail exactly is put into the head

## Symptom
None in the logs. The weights of forward and reverse KL jump for a teacher that is undecided between two tokens: 15.64
becomes 24.51.

## Mechanism
The adaptive KL weighs forward and reverse KL by how far apart the two models are on the head and on the tail of the
teacher's distribution. The tail is the least likely tokens that have at most a given mass together. Less than was
written where at most was meant, so that with two tokens of exactly one half there is no tail, and all of the weight
goes to the forward KL.

## What its documented fix did
`lt` became `le`.

## Fix
The code that trains has no such threshold: the forward KL over the whole distribution (`sad/losses/kd.py`), judged by
the same property at the same undecided teacher.

## Source
songmzhang/DSKD fb2f154; D03 of the catalogue of real bugs. The loss: Wu et al. 2024, arXiv 2404.02657.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

MASS = 0.5
CLOSE = 1e-6
"""A mass is the same as another to this: the sum of many float32 is not exact."""


def buggy() -> Divergence:
    """The tail has less than one half."""
    return Divergence(Contract(Kind.OTHER, takes=frozenset({Takes.LABELS})), _loss, by_the_book)


fixed = distillation


def by_the_book(student: Tensor, teacher: Tensor, _: Given) -> Tensor:
    """The adaptive KL of every row: the tail has at most one half. Its weights have no gradient."""
    return _adaptive(student, teacher, MASS + CLOSE)


def _loss(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    student, teacher = given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()
    return _adaptive(student, teacher, MASS - CLOSE).sum() / max(1, len(student))


def _adaptive(student: Tensor, teacher: Tensor, below: float) -> Tensor:
    log_q, log_p = (torch.log_softmax(z, dim=-1) for z in (student, teacher))
    p, order = log_p.exp().sort(dim=-1, stable=True)
    gap = (p - log_q.exp().gather(-1, order)).abs().detach()
    tail = p.cumsum(dim=-1) < below
    far = (gap * tail).sum(dim=-1) / gap.sum(dim=-1).clamp_min(1e-12)
    forward, reverse = (log_p.exp() * (log_p - log_q)).sum(dim=-1), (log_q.exp() * (log_q - log_p)).sum(dim=-1)
    return (1 - far) * forward + far * reverse


BUG = Bug("V213", "tail-ends-too-early", __doc__, (divergence_gradient,), buggy, fixed, covers=("D03",))
