"""Logits are clamped, and the gradient is gone where the student is most wrong

## Symptom
A language-model loss with a ceiling: 40, twice the clamp. Tokens on which the student is sure and wrong stay as they
are for the whole run.

## Mechanism
Logits are cut to ±20 or ±30 before the softmax "for stability". Outside the range a clamp has no gradient; it is
outside where the loss is largest. log_softmax takes off the maximum by itself and needs no such help.

## What its documented fix did
The clamp *was* the fix, of a NaN that came from a batch without labels.

## Fix
log_softmax in float32, nothing cut (`sad/losses/kd.py`, `sad/losses/lm.py`).

## Source
rakeshb49/student_aware_distillation, forward, 5eb3d68; S08 of the catalogue of real bugs. Logits -35 at the label and
35 elsewhere: a loss of 40 instead of 70, and no gradient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.distinguishes import distinguishes
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import distillation, likelihood
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Reduction, Takes

MOST, LESS = 30.0, 20.0


def buggy() -> Divergence:
    """Both models' logits cut to ±30 before the KL."""
    return Divergence(Contract(takes=frozenset({Takes.LABELS})), _kl)


def before_the_cross_entropy() -> Divergence:
    """The student's cut to ±20 before the cross-entropy."""
    return Divergence(Contract(Kind.OTHER, Reduction.MEAN, takes=frozenset({Takes.LABELS})), _lm, likelihood)


fixed = distillation


def _kl(given: Given) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    student, teacher = given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()
    log_q, log_p = (torch.log_softmax(z.clamp(-MOST, MOST), dim=-1) for z in (student, teacher))
    return F.kl_div(log_q, log_p.exp(), reduction="sum") / max(1, len(log_q))


def _lm(given: Given) -> Tensor:
    assert given.labels is not None, "a cross-entropy has labels"
    cut = given.student_logits.float().clamp(-LESS, LESS).flatten(0, 1)
    return F.cross_entropy(cut, given.labels.flatten(), ignore_index=IGNORED)


BUG = Bug(
    "V202",
    "logits-are-clamped",
    __doc__,
    (divergence_gradient, distinguishes),
    buggy,
    fixed,
    variants={"before the cross-entropy": before_the_cross_entropy},
    covers=("S08",),
)
