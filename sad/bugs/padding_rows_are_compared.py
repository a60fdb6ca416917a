"""Padding rows of a head are compared as if they were tokens

## Symptom
Noise in the divergence, which does not fall to 0 for a student that equals its teacher.

## Mechanism
Heads of different sizes are made equal without asking the tokenizer: both are cut at a number that was read off some
model (151,851, above the 151,665 tokens that there are), or the smaller one is filled up. The rows in between were
never trained, and hold what was left in them.

## What its documented fix did
Both were the fix of a crash. The cut stands below both heads and above the tokenizer.

## Fix
The number of tokens comes from the tokenizer (`Reader.size` in `sad/align/reader.py`); rows beyond it are not tokens,
whatever the size of a head.

## Source
songmzhang/DSKD, cut at 151,851; linkedin/Liger-Kernel 634 and pytorch/torchtune 2599, filled up.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.vocabulary import vocabulary
from sad.shipped.vocabulary_loss import vocabulary_loss
from sad.subjects.vocabulary import Heads, VocabularyLoss

SPARE = 4
"""How far above the tokenizer's last id the number lies."""


def buggy() -> VocabularyLoss:
    """A cut at a number above the tokenizer's size."""

    def loss(heads: Heads) -> Tensor:
        rows = len(heads.student_tokenizer) + SPARE
        return _kl(*_equal(heads.student_logits[:, :rows], heads.teacher_logits[:, :rows]))

    return VocabularyLoss(loss)


def filled_up() -> VocabularyLoss:
    """The smaller head is filled up with zeros."""
    return VocabularyLoss(lambda heads: _kl(*_equal(heads.student_logits, heads.teacher_logits)))


fixed = vocabulary_loss
"""The vocabulary map and the distillation term."""


def _equal(*heads: Tensor) -> tuple[Tensor, ...]:
    most = max(head.shape[1] for head in heads)
    return tuple(F.pad(head, (0, most - head.shape[1])) for head in heads)


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1).mean()


BUG = Bug(
    "V311",
    "padding-rows-are-compared",
    __doc__,
    (vocabulary,),
    buggy,
    fixed,
    variants={"the smaller head filled up": filled_up},
    covers=("V02",),
)
