"""The layerwise loss explodes: raw hidden states of a teacher with a few enormous activations

## Symptom
The layerwise part of the loss lies between 14 and 160 where 0.01 to 0.10 was wanted, nine tenths of the total. It
falls as the texts get longer: 160.5575 at length 34, 14.2065 at length 384.

## Mechanism
Real teachers carry a few activations thousands of times larger than the rest, at the first position (24,961 where
the rest is about 48 in SmolLM2-135M). Squared, one of them is nearly all of the mean squared error, and its share is
diluted as 1/length. The models here are too small to have one, so it is planted: one of 10,570 in a width of 1,024
gives both ends of the range that the failed run logged, after its weight of 0.05.

## What its documented fix did
Nothing. It divides the sum by batch x length x hidden, which is what `F.mse_loss` already does: the relative
difference is 0 up to rounding. The document also says that the loss grew with the length. Divided by the teacher's
mean square the value is right, about 1, and the gradient is still that of one position.

## Fix
Both states are brought to mean 0 and variance 1 at each position before they are compared (`layer_distance` in
`sad/losses/layerwise.py`): near 2 for unrelated states at every length, never above 4.

## Source
rakeshb49/student_aware_distillation, its layerwise loss and the post-mortem; S02 of the catalogue of real bugs.
Sun et al. 2024, arXiv 2402.17762.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad import terms, tiny
from sad.align.vocab import VocabMap
from sad.batch import LAYERWISE
from sad.bug import Bug
from sad.data import Example, Readers, collate
from sad.distiller import Projector
from sad.head.linear import IDENTITY
from sad.invariants.scale_and_dominance import Term, scale_and_dominance
from sad.models.forward import Forward
from sad.recipe.terms import Terms

WEIGHT = 0.05
"""The failed run's weight of the term."""


def buggy() -> Term:
    """Mean squared error of the raw states, at the failed run's weight."""
    return lambda student, teacher: WEIGHT * F.mse_loss(student, teacher)


def divided_by_elements() -> Term:
    """The documented fix: the sum over batch x length x hidden."""

    def term(student: Tensor, teacher: Tensor) -> Tensor:
        batch, length, hidden = student.shape
        return WEIGHT * (student - teacher).square().sum() / (batch * length * hidden)

    return term


def divided_by_mean_square() -> Term:
    """Relative to the teacher's mean square: near 1 at every length, and the gradient is still one position's."""
    return lambda student, teacher: F.mse_loss(student, teacher) / teacher.square().mean()


def fixed() -> Term:
    """The layerwise term as the distiller calls it, with its projector, at every position."""

    def term(student: Tensor, teacher: Tensor) -> Tensor:
        batch, length, width = teacher.shape
        assert batch == 1, f"one text at a time, not {batch}"
        at, reader = np.arange(length), tiny.reader(320)
        ids, readers = np.zeros(length + 1, dtype=np.int64), Readers(reader, reader)
        text = collate([Example(ids, ids, at, at, length)], readers)
        vocab = VocabMap(reader, reader)
        view = terms.View(
            batch=text,
            student=Forward(nn.Identity(), student, {0: student}),
            head=IDENTITY,
            teacher=terms.teacher_output(text, Forward(nn.Identity(), teacher, {0: teacher}), IDENTITY, vocab),
            vocab=vocab,
            terms=Terms(),
            pairs=((0, 0),),
            projectors=nn.ModuleList([_projector(width)]),
        )
        total, units = terms.TERMS[LAYERWISE](view)
        return total / units

    return term


@cache
def _projector(width: int) -> Projector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Projector(width, width)


BUG = Bug(
    "V101",
    "layerwise-explodes",
    __doc__,
    (scale_and_dominance,),
    buggy,
    fixed,
    {"divide the sum by batch·length·hidden": divided_by_elements},
    issue="Issue #1: Layerwise Loss Normalization",
    variants={"relative to the teacher's mean square": divided_by_mean_square},
    covers=("S02",),
)
