"""Heads of two sizes: the loss crashes on 152,064 rows against 151,936

## Symptom
`The size of tensor a (152064) must match the size of tensor b (151936)`, with two models of one family and one
tokenizer.

## Mechanism
A head is rounded up for speed, and each size of a family is rounded up to another multiple. The loss takes the number
of rows for the number of tokens.

## What its documented fix did
The advice in the issues is to cut the teacher's logits to the student's head. The crash goes; the rows from 151,665,
where the tokenizer ends, to 151,936 stay, on both sides. They stand for nothing, and take mass from tokens. Another fix
refuses heads of two sizes, which says why it stops, and stops.

## Fix
Rows of the teacher's head beyond its tokenizer's last id are never computed, and KD looks at the student's real tokens
alone (`sad/head/blocks.py`, `sad/align/vocab.py`).

## Source
pytorch/torchtune 2119 (the advice), 2416 and 2598; microsoft/LMOps 331 (the cut); huggingface/trl 3028 and 6252 (the
refusal).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.vocabulary import vocabulary
from sad.shipped.vocabulary_loss import vocabulary_loss
from sad.subjects.vocabulary import Heads, VocabularyLoss


def buggy() -> VocabularyLoss:
    """All rows of both."""
    return VocabularyLoss(lambda heads: _kl(heads.student_logits, heads.teacher_logits))


def cut_to_the_smaller_head() -> VocabularyLoss:
    """The advice."""

    def loss(heads: Heads) -> Tensor:
        rows = min(heads.student_logits.shape[1], heads.teacher_logits.shape[1])
        return _kl(heads.student_logits[:, :rows], heads.teacher_logits[:, :rows])

    return VocabularyLoss(loss)


fixed = vocabulary_loss
"""The vocabulary map and the distillation term."""


def _kl(student: Tensor, teacher: Tensor) -> Tensor:
    log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1).mean()


BUG = Bug(
    "V310",
    "heads-of-two-sizes",
    __doc__,
    (vocabulary,),
    buggy,
    fixed,
    {"the teacher cut to the smaller head": cut_to_the_smaller_head},
    covers=("K06",),
)
