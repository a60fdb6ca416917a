"""Only the teacher's logits are shifted: the student learns at each place what its teacher says of the next

## Symptom
A high loss (50 to 56 in one report, with large weights) that hardly falls, or one that falls well and a student that
skips tokens.

## Mechanism
Row i of a causal model predicts token i + 1, in both models. One of the two is cut as if it predicted the token that
it reads, or is shifted a second time: student row i + 1 meets teacher row i, or the other way round. The shapes agree.

## What its documented fix did
It takes the second shift out.

## Fix
One list of places for both models (`Boundaries` in `sad/batch.py`), at which `teacher_rows` in `sad/terms/teacher.py`
takes the teacher's states; no loss shifts or slices.

## Source
linkedin/fmchisel 23 (a redundant shift of the teacher's logits); DeepOpt-com/WrinkleFree-Monorepo 13 (the student taken
for a model that predicts what it reads); modelscope/ms-swift 8436 (labels that are not shifted with the logits).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.places_compared import places_compared
from sad.shipped.text_loss import compared_loss
from sad.subjects.text_loss import IGNORED, Collated, DistilledLoss, Marks, Text, labels, padded, run


def buggy() -> DistilledLoss:
    """The teacher's logits are shifted once more."""

    def loss(student: nn.Module, teacher: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        mine, theirs, kept = _logits(student, teacher, texts, marks)
        # a place fewer, so that the shapes agree
        return _kl(mine[:, :-1], theirs[:, 1:], kept[:, :-1])

    return loss


def student_moved() -> DistilledLoss:
    """The student is taken for a model that predicts the token that it reads."""

    def loss(student: nn.Module, teacher: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        mine, theirs, kept = _logits(student, teacher, texts, marks)
        return _kl(mine[:, 1:], theirs[:, :-1], kept[:, :-1])

    return loss


def labels_not_shifted() -> DistilledLoss:
    """Both are compared at one place, but at those of the labels, not at those that predict them."""

    def loss(student: nn.Module, teacher: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = _batch(texts, marks)
        with torch.no_grad():
            theirs = run(teacher, batch)
        return _kl(run(student, batch), theirs, batch.labels != IGNORED)

    return loss


fixed = compared_loss
"""Two terms of the objective that trains, with one tokenizer for both models."""


def _logits(student: nn.Module, teacher: nn.Module, texts: Sequence[Text], marks: Marks) -> tuple[Tensor, ...]:
    """Both models' rows that predict something, and which of them predict a label."""
    batch = _batch(texts, marks)
    with torch.no_grad():
        theirs = run(teacher, batch)
    return run(student, batch)[:, :-1], theirs[:, :-1], batch.labels[:, 1:] != IGNORED


def _batch(texts: Sequence[Text], marks: Marks) -> Collated:
    return Collated(
        padded([text.ids for text in texts], marks.pad),
        padded([labels(text) for text in texts], IGNORED),
        padded([[1] * len(text.ids) for text in texts], 0),
    )


def _kl(student: Tensor, teacher: Tensor, kept: Tensor) -> Tensor:
    log_q, log_p = student[kept].log_softmax(-1), teacher[kept].log_softmax(-1)
    return F.kl_div(log_q, log_p, log_target=True, reduction="batchmean")


BUG = Bug(
    "V313",
    "teacher-logits-shifted",
    __doc__,
    (places_compared,),
    buggy,
    fixed,
    variants={"the student moved": student_moved, "labels not shifted": labels_not_shifted},
)
