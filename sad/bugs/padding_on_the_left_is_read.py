"""Padding on the left is read: the shorter texts of a batch stand behind marks that the model takes for text

## Symptom
The loss of a text depends on the batch that it is in. Where the batches are of one length, nothing.

## Mechanism
Padding on the right cannot be seen by a causal model; padding on the left is seen by every token unless the mask says
otherwise. Positions must then be counted from the first token, which matters to a model that knows them by number, and
the first token must not be a label, or the last padding mark predicts it.

## What its documented fix did
One of the three, mostly. Each of the others is a fault on its own.

## Fix
The code that trains pads on the right, and lists its labels (`sad/data.py`).

## Source
axolotl 3988, mlx-lm 1855, deepsparse 1141.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.case import Bug
from sad.invariants.batch_composition import batch_composition
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, collated_loss, labels, padded


def buggy() -> TextLoss:
    """No mask."""
    return _loss(mask=False)


def positions_counted_from_the_padding() -> TextLoss:
    """The mask is there, the positions are the model's own: 0 is the first padding mark."""
    return _loss(positions=False)


def padding_predicts_the_first_token() -> TextLoss:
    """Mask and positions are there; the first token is a label."""
    return _loss(first=True)


fixed = language_model_loss
"""The path from texts to the loss that trains."""


def _loss(*, mask: bool = True, positions: bool = True, first: bool = False) -> TextLoss:
    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        ids = padded([text.ids for text in texts], marks.pad, left=True)
        seen = padded([[1] * len(text.ids) for text in texts], 0, left=True)
        targets = [labels(text) if first else [IGNORED, *labels(text)[1:]] for text in texts]
        return Collated(
            ids,
            padded(targets, IGNORED, left=True),
            seen if mask else torch.ones_like(seen),
            (seen.cumsum(dim=1) - 1).clamp_min(0) if positions else None,
        )

    return collated_loss(collate)


BUG = Bug(
    "V303",
    "padding-on-the-left-is-read",
    __doc__,
    (batch_composition,),
    buggy,
    fixed,
    variants={
        "positions counted from the padding": positions_counted_from_the_padding,
        "padding predicts the first token": padding_predicts_the_first_token,
    },
    covers=("X05",),
)
