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
The value is the plain KL in nats, and only its gradient is scaled (`scale_gradient` in `sad/losses/kd.py`).

## Source
rakeshb49/student_aware_distillation, runs 3 and 4; S20 of the catalogue of real bugs. Missing: keras-io 869,
transformers 12299.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad import terms, tiny
from sad.align.vocab import VocabMap
from sad.batch import KD, Batch, Boundaries, Sum, Targets, Tokens
from sad.case import Bug
from sad.forward import Forward
from sad.invariants.divergence_gradient import VOCABULARY, Divergence, divergence_gradient
from sad.recipe import Terms


def buggy() -> Divergence:
    """T² on the value."""
    return lambda student, teacher, t: Sum(t**2 * _kl(student, teacher, t), len(student))


def without_the_factor() -> Divergence:
    """No T² at all."""
    return lambda student, teacher, t: Sum(_kl(student, teacher, t), len(student))


def fixed() -> Divergence:
    """The term of the objective, on logits that are given to it."""

    reader = tiny.reader(VOCABULARY)
    vocab = VocabMap(reader, reader)

    def divergence(student: Tensor, teacher: Tensor, temperature: float) -> Sum:
        return terms.TERMS[KD](_view(student, teacher, vocab, temperature))

    return divergence


class _Given(Forward):
    """A pass over one text whose logits are given as its states."""

    def logits(self, row: Tensor, position: Tensor) -> Tensor:
        """Return the logits at some places."""
        return self.hidden[row, position]


def _view(student: Tensor, teacher: Tensor, vocab: VocabMap, temperature: float) -> terms.View:
    """Both passes over one text, with a common boundary after every token."""
    at, none = torch.arange(len(student)), torch.zeros(len(student), dtype=torch.int64)
    read, targets = Tokens(none[None], none[None] + 1), Targets(none, at, none)
    return terms.View(
        batch=Batch(read, read, targets, targets, Boundaries(none, at, at, at), len(student)),
        student=_Given(nn.Identity(), student[None], {}),
        teacher=_Given(nn.Identity(), teacher[None], {}),
        vocab=vocab,
        terms=Terms.model_validate({KD: {"temperature": temperature}}),
        pairs=(),
        projectors=nn.ModuleList(),
    )


def _kl(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    p = torch.softmax(teacher.detach().float() / temperature, dim=-1)
    log_q = torch.log_softmax(student.float() / temperature, dim=-1)
    # a token that both rule out is 0 x -infinity
    return F.kl_div(log_q.clamp_min(-1e4), p, reduction="sum")


BUG = Bug(
    "V109",
    "temperature-squared",
    __doc__,
    (divergence_gradient,),
    buggy,
    fixed,
    variants={"the factor left out": without_the_factor},
    covers=("B02",),
)
