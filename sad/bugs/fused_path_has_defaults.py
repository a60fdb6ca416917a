"""The fast path has defaults of its own: another loss, another temperature

## Symptom
With the fused kernel switched on the same configuration reports 0.342 instead of 0.297, and some 6 where student and
teacher are equal and it should be 0.

## Mechanism
The fused loss is constructed with its own defaults, half a cross-entropy and half a JSD, and with the temperature of
the configuration, which was meant for sampling. The plain path is the JSD alone at temperature 1.

## What its documented fix did
It passes both weights and the temperature, as two other trainers of the same library had done all along.

## Fix
There is one path, held to the plain form in value and gradient (V220). A term is what its name says, and every weight
stands in the recipe (`View.divergence` in `sad/terms/view.py`).

## Source
huggingface/trl 5731; T10 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.arguments_have_effect import arguments_have_effect
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

SAMPLING = 0.9
CONTRACT = Contract(Kind.JSD, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Half a cross-entropy, half the divergence, at the temperature of sampling."""
    return Divergence(CONTRACT, lambda given: _fused(given, hard=0.5, temperature=SAMPLING))


def hard_loss() -> Divergence:
    """Half a cross-entropy."""
    return Divergence(CONTRACT, lambda given: _fused(given, hard=0.5, temperature=1.0))


def extra_temperature() -> Divergence:
    """The temperature of sampling."""
    return Divergence(CONTRACT, lambda given: _fused(given, hard=0.0, temperature=SAMPLING))


fixed = distillation


def _fused(given: Given, *, hard: float, temperature: float) -> Tensor:
    rows = torch.ones(given.student_logits.shape[:2]) > 0 if given.labels is None else given.labels != IGNORED
    student, teacher = given.student_logits[rows].float(), given.teacher_logits.detach()[rows].float()
    log_q, log_p = (torch.log_softmax(z / temperature, dim=-1) for z in (student, teacher))
    mixture = torch.logaddexp(log_p, log_q) - torch.log(torch.tensor(2.0))
    both = [F.kl_div(mixture, log, reduction="sum", log_target=True) for log in (log_p, log_q)]
    soft = 0.5 * (both[0] + both[1])
    wrong = 0.0 if given.labels is None else F.cross_entropy(student, given.labels[rows], reduction="sum")
    return (hard * wrong + (1 - hard) * soft) / max(1, len(student))


BUG = Bug(
    "V207",
    "fused-path-has-defaults",
    __doc__,
    (divergence_gradient, path_parity, arguments_have_effect),
    buggy,
    fixed,
    variants={"the hard loss alone": hard_loss, "the temperature alone": extra_temperature},
    covers=("T10",),
)
