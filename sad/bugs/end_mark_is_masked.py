"""The end mark is masked: the tokenizer pads with it, and labels are masked where they equal the padding mark

## Symptom
None in training. The student never stops: every generation runs into its limit of new tokens.

## Mechanism
Many tokenizers have no padding mark, so that the end mark is set in its place. Labels are then set to -100 where they
equal the padding mark: of the padding, and of every end of a text. No label says that a text ends.

## What its documented fix did
In the issues the advice is another padding mark, or another collator with labels of one's own: the fault stays for the
next tokenizer that has no padding mark. The fixes that were merged mask by length.

## Fix
Labels are listed from the length of each text before anything is padded (`sad/data/batches.py`); what stands in
the padding is never looked at.

## Source
rakeshb49/student_aware_distillation, chunked cross-entropy with `pad_token = eos_token` (S15); huggingface/trl 3200
and 976, transformers 23530, collators that mask by id (T17).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sad.bug import Bug
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, collated_loss, labels, padded, run


def buggy() -> TextLoss:
    """The loss masks labels that equal the padding mark."""

    def loss(model: nn.Module, texts: Sequence[Text], marks: Marks) -> Tensor:
        batch = _batch(texts, marks)
        targets = batch.labels.masked_fill(batch.input_ids == marks.pad, IGNORED)[:, 1:]
        return F.cross_entropy(run(model, batch)[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    return loss


def in_the_collator() -> TextLoss:
    """The collator does, before the loss sees them."""

    def collate(texts: Sequence[Text], marks: Marks) -> Collated:
        batch = _batch(texts, marks)
        batch.labels[batch.labels == marks.pad] = IGNORED
        return batch

    return collated_loss(collate)


fixed = language_model_loss
"""The path from texts to the loss that trains."""


def _batch(texts: Sequence[Text], marks: Marks) -> Collated:
    ids = padded([text.ids for text in texts], marks.pad)
    targets = padded([labels(text) for text in texts], IGNORED)
    mask = padded([[1] * len(text.ids) for text in texts], 0)
    return Collated(ids, targets, mask.to(torch.int64))


BUG = Bug(
    "V301",
    "end-mark-is-masked",
    __doc__,
    (target_alignment,),
    buggy,
    fixed,
    variants={"in the collator": in_the_collator},
    covers=("S15", "T17"),
)
