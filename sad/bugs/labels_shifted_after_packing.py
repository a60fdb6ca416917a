"""Labels are shifted after packing: the last token of a text predicts the first token of the next

## Symptom
None. The end mark, whose next token should be nothing, is taught whatever text happened to follow in the pack.

## Mechanism
Texts are joined to one row, and then all labels are moved by one. A mask of blocks is in place, so attention does not
cross the boundary; the label does.

## What its documented fix did
It shifts each text before it is packed.

## Fix
The labels of each text are listed on their own (`Example.labels` in `sad/align/example.py`), before texts are put
into rows, so a label cannot come from another text; the same property is judged there, over rows of several texts.

## Source
pytorch/torchtune 2613.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.bug import Bug
from sad.invariants.batch_composition import batch_composition
from sad.invariants.target_alignment import target_alignment
from sad.shipped.text_loss import packed_language_model_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, collated_loss


def buggy() -> TextLoss:
    """Pack, keep texts apart in attention, and move all labels by one."""

    def collate(texts: Sequence[Text], _: Marks) -> Collated:
        ids = torch.tensor([[token for text in texts for token in text.ids]])
        owner = torch.tensor([i for i, text in enumerate(texts) for _ in text.ids])
        places = torch.tensor([[place for text in texts for place in range(len(text.ids))]])
        learned = torch.tensor([[place >= len(text.prompt) for text in texts for place in range(len(text.ids))]])
        blocks = (owner[:, None] == owner[None, :]).tril()[None, None]
        return Collated(ids, ids.masked_fill(~learned, IGNORED), blocks, places)

    return collated_loss(collate)


fixed = packed_language_model_loss
"""The path from texts to the loss that trains, where they share rows."""


BUG = Bug(
    "V302",
    "labels-shifted-after-packing",
    __doc__,
    (target_alignment, batch_composition),
    buggy,
    fixed,
    covers=("K04",),
)
