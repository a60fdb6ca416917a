"""The loss is divided by the longest length, and padding is distilled

## Symptom
A batch of short texts reports a small loss: 9 real tokens of 64 give a seventh of what they should. The student
learns what the teacher says after the end of a text.

## Mechanism
`F.kl_div` with `batchmean` of three axes is a sum over all rows of a sequence. It was divided by the maximal length,
a constant of the configuration, without a mask: padding adds to the sum, and to the denominator.

## What its documented fix did
It multiplied by a mask and divided by its sum.

## Fix
Rows without a label are selected away, and the sum is divided by their count over the whole step (`sad/terms/`,
`sad/objective.py`).

## Source
arcee-ai/DistillKit 09fbb0c; D02 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.ignored_rows import ignored_rows
from sad.invariants.padding import padding
from sad.invariants.partition import partition
from sad.shipped.divergence import distillation
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Reduction, Takes

LONGEST = 64
TAKES = frozenset({Takes.LABELS})


def buggy() -> Divergence:
    """A constant denominator, and no mask."""
    return Divergence(Contract(takes=TAKES), lambda given: _each(given).sum() / len(given.student_logits) / LONGEST)


def masked_mean() -> Divergence:
    """A mask in the sum, and the mean over all rows."""
    return Divergence(
        Contract(reduction=Reduction.ROWS, takes=TAKES), lambda given: (_each(given) * _mask(given)).mean()
    )


fixed = distillation


def _each(given: Given) -> Tensor:
    log_q = torch.log_softmax(given.student_logits.float(), dim=-1)
    p = torch.softmax(given.teacher_logits.detach().float(), dim=-1)
    return F.kl_div(log_q, p, reduction="none").sum(dim=-1)


def _mask(given: Given) -> Tensor:
    return torch.ones(given.student_logits.shape[:2]) if given.labels is None else (given.labels != IGNORED).float()


BUG = Bug(
    "V212",
    "mean-counts-padding",
    __doc__,
    (ignored_rows, padding, partition, divergence_gradient),
    buggy,
    fixed,
    variants={"a mask in the sum alone": masked_mean},
    covers=("D02",),
)
