"""F.kl_div is given what it does not take

## Symptom
A negative distillation loss; a NaN; a loss smaller than it should be by the size of the vocabulary, or larger by the
length of the sequences; or nothing at all.

## Mechanism
`F.kl_div(input, target)` wants log-probabilities first and probabilities second, gives KL(target || input), and its
default mean is over every element. Five ways to miss one of these: probabilities as input; log-probabilities as a
target without `log_target`; student and teacher exchanged, so that the target, which is detached, is the student; the
default mean; `batchmean` of three axes.

## What its documented fix did
Torch warns of the mean. Most of the repositories still have the line.

## Fix
The KL is written down as its formula, as a sum over rows (`sad/losses/kd.py`).

## Source
transformers 1181, deit 61, sparseml 592, ActionCLIP 24, two image-distillation repositories; B01 of the catalogue of
real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.distinguishes import distinguishes
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.no_gradient_to_teacher import no_gradient_to_teacher
from sad.shipped.divergence import distillation
from sad.subjects.divergence import Contract, Divergence, Given


def buggy() -> Divergence:
    """Probabilities as input."""
    return Divergence(Contract(), lambda given: _sum(_logs(given)[0].exp(), _logs(given)[1].exp()))


def log_target() -> Divergence:
    """Log-probabilities as a target that is taken for probabilities."""
    return Divergence(Contract(), lambda given: _sum(*_logs(given)))


def exchanged() -> Divergence:
    """The teacher as input, the student as target."""
    return Divergence(Contract(), lambda given: _sum(_logs(given)[1], _logs(given)[0].exp()))


def student_as_target() -> Divergence:
    """Exchanged, and the target detached, as targets are."""
    return Divergence(Contract(), lambda given: _sum(_log(given.teacher_logits), _logs(given)[0].exp().detach()))


def mean() -> Divergence:
    """The mean over every element, taken by hand: torch warns of its own."""
    return Divergence(
        Contract(), lambda given: F.kl_div(_logs(given)[0], _logs(given)[1].exp(), reduction="none").mean()
    )


def batchmean() -> Divergence:
    """The sum over a sequence."""
    return Divergence(Contract(), lambda given: F.kl_div(_logs(given)[0], _logs(given)[1].exp(), reduction="batchmean"))


fixed = distillation


def _logs(given: Given) -> tuple[Tensor, Tensor]:
    return _log(given.student_logits), _log(given.teacher_logits.detach())


def _log(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits.float(), dim=-1)


def _sum(first: Tensor, second: Tensor) -> Tensor:
    return F.kl_div(first, second, reduction="sum") / first[..., 0].numel()


BUG = Bug(
    "V214",
    "kl-div-is-misused",
    __doc__,
    (divergence_gradient, distinguishes, no_gradient_to_teacher),
    buggy,
    fixed,
    variants={
        "a logarithm as target": log_target,
        "student and teacher exchanged": exchanged,
        "the student as a detached target": student_as_target,
        "the mean over elements": mean,
        "batchmean of three axes": batchmean,
    },
    covers=("B01",),
)
