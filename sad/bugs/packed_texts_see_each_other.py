"""Packed texts see each other: one row, one causal mask

## Symptom
None. A text is learned in the light of whatever stood before it in the pack. On a random tiny model the loss moves by
7e-4, which is taken for noise; on a sharpened one by some percent.

## Mechanism
Texts are joined to fill a row, and the mask is causal over the row. Positions that begin anew with each text do not
help as long as a mask of ones is given: only without one does transformers look for the texts in the positions.

## What its documented fix did
Some only begin positions anew with each text, which blocks nothing where a mask is given. Later fixes drop the mask, so
that the positions count, or give a mask of blocks.

## Fix
Where texts share rows (`train.packing`), attention gets a mask of blocks and positions that begin anew (`run` in
`sad/models/forward.py`), for both models; before a run each model proves on a few tokens that this keeps texts apart
(`sad/train/packing.py`), or packing is refused. The same property is judged on packed rows, with every term.

## Source
pytorch/torchtune 2613; huggingface/trl 4170 and 3673 (a mask that hides the positions); unsloth-zoo 1066;
DeepOpt-com/WrinkleFree-Monorepo 53 (positions alone).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sad.bug import Bug
from sad.invariants.batch_composition import batch_composition
from sad.shipped.text_loss import packed_loss
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, TextLoss, collated_loss, labels


def buggy() -> TextLoss:
    """A mask of ones, and positions counted through."""
    return _loss(anew=False)


def positions_begin_anew() -> TextLoss:
    """A mask of ones, and positions that begin anew."""
    return _loss(anew=True)


fixed = packed_loss
"""The path from texts to the loss that trains, where they share rows."""


def _loss(*, anew: bool) -> TextLoss:
    def collate(texts: Sequence[Text], _: Marks) -> Collated:
        ids = torch.tensor([[token for text in texts for token in text.ids]])
        targets = torch.tensor([[token for text in texts for token in (IGNORED, *labels(text)[1:])]])
        places = torch.tensor([[place for text in texts for place in range(len(text.ids))]])
        return Collated(ids, targets, torch.ones_like(ids), places if anew else None)

    return collated_loss(collate)


BUG = Bug(
    "V304",
    "packed-texts-see-each-other",
    __doc__,
    (batch_composition,),
    buggy,
    fixed,
    variants={"positions begin anew": positions_begin_anew},
    covers=("X06",),
)
