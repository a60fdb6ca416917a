"""Padding on the left is read: the shorter texts of a batch stand behind marks that the model takes for text

## Symptom
The loss of a text, or its perplexity, depends on the batch that it is in. Where the texts are of one length, nothing.

## Mechanism
Padding on the right cannot be seen by a causal model; padding on the left is seen by every token unless the mask says
otherwise. Positions must then be counted from the first token, which matters to a model that knows them by number, and
the first token must not be a label, or the last padding mark predicts it. On the right, the last token must not
predict the first padding mark. And padding that is told by its id takes tokens of the text with it.

## What its documented fix did
Each mends the part that was met: mlx-lm leaves out the mark behind a shorter text, deepsparse tells padding by the
mask.

## Fix
The code that trains pads on the right, and lists its labels (`sad/data/batches.py`).

## Source
axolotl 3988, mlx-lm 1855, deepsparse 1141.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.bug import Bug
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


def last_token_predicts_padding() -> TextLoss:
    """Padding on the right, of which the first mark is a label."""

    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        longest = max(len(text.ids) for text in texts)
        targets = [[*labels(text), *[marks.pad] * (len(text.ids) < longest)] for text in texts]
        ids, mask = [text.ids for text in texts], [[1] * len(text.ids) for text in texts]
        return Collated(padded(ids, marks.pad), padded(targets, IGNORED), padded(mask, 0))

    return collated_loss(collate)


def told_by_its_id() -> TextLoss:
    """Everything is there; the mask is made from the ids."""

    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        ids = padded([text.ids for text in texts], marks.pad, left=True)
        seen = (ids != marks.pad).long()
        targets = padded([[IGNORED, *labels(text)[1:]] for text in texts], IGNORED, left=True)
        return Collated(ids, targets, seen, (seen.cumsum(dim=1) - 1).clamp_min(0))

    return collated_loss(collate)


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
        "the last token predicts padding": last_token_predicts_padding,
        "padding told by its id": told_by_its_id,
    },
    covers=("X05",),
)
