"""In a generalised JSD beta weighs the other distribution

## Symptom
At beta = 0.1 the loss is several times too large; beta 0 and 1 train the two KLs in exchange, so that a sweep over
beta reads backwards.

## Mechanism
The mixture was made as beta student + (1 - beta) teacher, where the definition has beta teacher + (1 - beta) student;
in the limits, where the mixture is one of the two, one KL was taken for the other.

## What its documented fix did
It exchanged the two weights of the mixture. Then the loss is 0 at beta 0 and 1, by definition: both limits had to be
written down as the KLs that they stand for.

## Fix
By the definition; so is the JSD of the code that trains judged, and its limits (`Kind` and `rows` in
`sad/losses/kd.py`).

## Source
huggingface/trl 3043; T01 of the catalogue of real bugs. Agarwal et al. 2023, arXiv 2306.13649, equation 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.arguments_have_effect import arguments_have_effect
from sad.invariants.divergence_gradient import divergence_gradient
from sad.shipped.divergence import jensen_shannon
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

CONTRACT = Contract(Kind.JSD, takes=frozenset({Takes.LABELS, Takes.BETA}))


def buggy() -> Divergence:
    """The mixture of the other side, and the limits of the other side."""
    return Divergence(CONTRACT, _loss)


def without_limits() -> Divergence:
    """The right mixture, with nothing left at beta 0 and 1."""
    return Divergence(CONTRACT, _no_limits)


fixed = jensen_shannon


def _logs(given: Given) -> tuple[Tensor, Tensor]:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    both = (given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float())
    log_q, log_p = (torch.log_softmax(z, dim=-1) for z in both)
    return log_q, log_p


def _kl(log_a: Tensor, log_b: Tensor) -> Tensor:
    return (log_a.exp() * (log_a - log_b)).sum() / max(1, len(log_a))


def _jsd(beta: float, log_q: Tensor, log_p: Tensor, mixture: Tensor) -> Tensor:
    return beta * _kl(log_p, mixture) + (1 - beta) * _kl(log_q, mixture)


def _loss(given: Given) -> Tensor:
    log_q, log_p = _logs(given)
    if given.beta in (0, 1):
        return _kl(log_p, log_q) if given.beta else _kl(log_q, log_p)
    mixture = (given.beta * log_q.exp() + (1 - given.beta) * log_p.exp()).log()
    return _jsd(given.beta, log_q, log_p, mixture)


def _no_limits(given: Given) -> Tensor:
    log_q, log_p = _logs(given)
    mixture = (given.beta * log_p.exp() + (1 - given.beta) * log_q.exp()).log()
    return _jsd(given.beta, log_q, log_p, mixture)


BUG = Bug(
    "V204",
    "beta-on-the-other-side",
    __doc__,
    (divergence_gradient, arguments_have_effect),
    buggy,
    fixed,
    attempts={"the weights exchanged, without the limits": without_limits},
    covers=("T01",),
)
