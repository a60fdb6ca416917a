"""Teacher states are interpolated over positions, padding included, to the student's length

## Symptom
None. The divergence falls to a floor and stays there.

## Mechanism
The teacher reads a text in another number of tokens. Its states or logits [batch, length, features] are stretched with
`F.interpolate` to the student's length: each target is a mixture of neighbouring tokens, and since the padded tensor is
stretched as a whole, a text's targets depend on how much padding its row has. Six more padding marks move a target by
2.1.

## What its documented fix did
None is documented: nothing in a log shows it.

## Fix
Nothing is stretched. The teacher's states are taken at the places where both readings have read the same bytes
(`sad/align/spans.py`), before padding is a question.

## Source
rakeshb49/student_aware_distillation, forward pass, router and attention, since the student has a tokenizer of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants._models import other_reading, teacher
from sad.invariants.batch_composition import batch_composition
from sad.shipped.text_loss import distillation_loss
from sad.subjects.text_loss import Marks, Text, TextLoss, padded


def buggy() -> TextLoss:
    """The divergence from stretched logits, masked as it should be on the student's side."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        mine, mask = _logits(model, [text.ids for text in texts], marks)
        with torch.no_grad():
            theirs, _ = _logits(teacher(), [other_reading(text.ids) for text in texts], marks)
        stretched = F.interpolate(theirs.mT, size=mine.shape[1], mode="linear", align_corners=False).mT
        each = F.kl_div(mine.log_softmax(-1), stretched.log_softmax(-1), log_target=True, reduction="none").sum(-1)
        return (each * mask).sum() / mask.sum()

    return loss


fixed = distillation_loss
"""Three terms of the objective that trains, with a teacher whose tokenizer cuts some tokens in two."""


def _logits(model: nn.Module, rows: Sequence[Sequence[int]], marks: Marks) -> tuple[Tensor, Tensor]:
    mask = padded([[1] * len(row) for row in rows], 0)
    logits: Tensor = model(input_ids=padded(rows, marks.pad), attention_mask=mask).logits
    return logits, mask


BUG = Bug(
    "V307",
    "teacher-states-interpolated",
    __doc__,
    (batch_composition,),
    buggy,
    fixed,
    covers=("S12",),
)
