"""Labels are shifted twice: by the collator and again by the loss

## Symptom
A plausible loss: 5.29 where 5.04 was right. The model learns to predict the token after the next, and generates every
other word.

## Mechanism
The collator, or the model before it calls its loss, moves the labels by one so that each place holds what it predicts.
The loss moves them by one again, as it does with labels that are a copy of the input. Where the rows were made flat in
between, the last place of a row is taught the first label of the next row too.

## What its documented fix did
It shifts once: the loss is told that its labels are shifted already, or is replaced by one that does not shift.

## Fix
The code that trains never shifts. A target is listed with the place that predicts it (`Targets` in `sad/batch.py`), and
the list is made once (`sad/data/batches.py`).

## Source
huggingface/transformers 47394 (flat rows), 37830, 46784, 46898, 46901, 46895.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import (
    IGNORED,
    Collated,
    Marks,
    Text,
    TextLoss,
    collated_loss,
    cross_entropy,
    labels,
    padded,
    run,
)


def buggy() -> TextLoss:
    """Shifted labels, given to a loss that shifts."""
    return collated_loss(_shifted)


def by_the_model() -> TextLoss:
    """Shifted labels, given to a model that shifts."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = _shifted(texts, marks)
        found: Tensor = model(batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels).loss
        return found

    return loss


def on_flat_rows() -> TextLoss:
    """Shifted and made flat, given to a loss that shifts what it gets, across rows."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = _shifted(texts, marks)
        rows, targets = run(model, batch)[:, :-1].flatten(0, 1), batch.labels[:, :-1].flatten()
        return cross_entropy(rows[None], targets[None], shifted=False)

    return loss


fixed = language_model_loss
"""The path from texts to the loss that trains."""


def _shifted(texts: Sequence[Text], marks: Marks) -> Collated:
    targets = padded([labels(text) for text in texts], IGNORED)
    return Collated(
        padded([text.ids for text in texts], marks.pad),
        F.pad(targets, (0, 1), value=IGNORED)[:, 1:],
        padded([[1] * len(text.ids) for text in texts], 0),
    )


BUG = Bug(
    "V305",
    "labels-shifted-twice",
    __doc__,
    (target_alignment,),
    buggy,
    fixed,
    variants={"by the model": by_the_model, "on flat rows": on_flat_rows},
    covers=("X07",),
)
