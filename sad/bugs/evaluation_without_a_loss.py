"""The evaluation has no loss: its forward pass looks for labels, and was given shifted ones

## Symptom
The evaluation's loss is missing in the log, or the evaluation crashes on None. Training is well.

## Mechanism
A model is given its labels under one of two names: `labels`, which it shifts, or `shift_labels`, which were shifted
before (as when a long text is spread over devices). The fused path, taken in training, knows both. The other one,
taken in evaluation, computes a loss only if `labels` is there. That the texts are spread over devices is why labels
come shifted, and no part of the fault: one process shows all of it.

## What its documented fix did
It asks for both.

## Fix
There is one path: `Distiller.view` (`sad/distiller.py`), in training and in evaluation, and targets under one name.
`evaluate` in `sad/evaluate.py` adds their loss up whatever the terms are.

## Source
linkedin/Liger-Kernel 888; met as ArcticTraining 266.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.evaluation_as_training import evaluation_as_training
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, cross_entropy, padded, run
from sad.subjects.text_loss import labels as labels_of


def buggy() -> TextLoss:
    """A loss in training only."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = _shifted(texts, marks)
        # what the interface promises and the fault does not keep
        return cast(Tensor, _forward(model, batch, labels=None, shift_labels=batch.labels))

    return loss


fixed = language_model_loss
"""The path from texts to the loss that trains."""


def _forward(model: nn.Module, batch: Collated, labels: Tensor | None, shift_labels: Tensor | None) -> Tensor | None:
    logits = run(model, batch)
    if model.training and shift_labels is not None:
        return cross_entropy(logits, shift_labels, shifted=True)
    return None if labels is None else cross_entropy(logits, labels, shifted=False)


def _shifted(texts: Sequence[Text], marks: Marks) -> Collated:
    targets = padded([labels_of(text) for text in texts], IGNORED)
    return Collated(
        padded([text.ids for text in texts], marks.pad),
        F.pad(targets, (0, 1), value=IGNORED)[:, 1:],
        padded([[1] * len(text.ids) for text in texts], 0),
        shifted=True,
    )


BUG = Bug(
    "V312",
    "evaluation-without-a-loss",
    __doc__,
    (evaluation_as_training, target_alignment),
    buggy,
    fixed,
    covers=("L09",),
)
