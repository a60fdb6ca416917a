"""A prompt is masked by column: with padding on the left, the mask covers the padding

## Symptom
The student learns its prompts, the more so the shorter a text is beside its neighbours; or, where a mask was made for
the unpadded text and padding is masked too, it learns nothing of most texts.

## Mechanism
The length of the prompt is counted in tokens, and that many columns are masked from the left. With padding on the left
the prompt begins behind it, so that its end stays a label.

## What its documented fix did
It counts the prompt's tokens from the first that is no padding; another one moves the mask by the padding.

## Fix
Labels are listed by place in the text, before anything is padded (`sad/data/batches.py`).

## Source
QwenLM/Qwen3-ASR 70 and 212; NVIDIA-NeMo/Automodel 2312 and 2314 (a mask that falls into the padding).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sad.bug import Bug
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, collated_loss, padded


def buggy() -> TextLoss:
    """As many columns as the prompt has tokens are masked."""

    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        ids, mask = _padded(texts, marks)
        targets = ids.masked_fill(mask == 0, IGNORED)
        for row, text in enumerate(texts):
            targets[row, : max(1, len(text.prompt))] = IGNORED
        return Collated(ids, targets, mask, (mask.cumsum(dim=1) - 1).clamp_min(0))

    return collated_loss(collate)


def of_the_unpadded_text() -> TextLoss:
    """The mask of the unpadded text is laid over the padded one, and padding is masked too."""

    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        ids, mask = _padded(texts, marks)
        learned = padded([[0] * text.first + [1] * (len(text.ids) - text.first) for text in texts], 0)
        targets = ids.masked_fill(learned * mask == 0, IGNORED)
        return Collated(ids, targets, mask, (mask.cumsum(dim=1) - 1).clamp_min(0))

    return collated_loss(collate)


fixed = language_model_loss
"""The path from texts to the loss that trains."""


def _padded(texts: Sequence[Text], marks: Marks) -> tuple[Tensor, Tensor]:
    """Ids and mask, with padding on the left."""
    ids = padded([text.ids for text in texts], marks.pad, left=True)
    mask = padded([[1] * len(text.ids) for text in texts], 0, left=True)
    return ids, mask


BUG = Bug(
    "V314",
    "prompt-masked-by-column",
    __doc__,
    (target_alignment,),
    buggy,
    fixed,
    variants={"a mask of the unpadded text": of_the_unpadded_text},
)
