"""What a batch holds of each text, held against the textbook's: where it stands, and its labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sad.subjects.text_loss import IGNORED, Collated, Marks, Text


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in a batch: its row, and the place of its first token."""

    row: int
    start: int

    def of(self, tensor: Tensor, text: Text) -> list[int]:
        """Return what stands at the text's tokens."""
        found: list[int] = tensor[self.row, self.start : self.start + len(text.ids)].tolist()
        return found


def places(batch: Collated, texts: Sequence[Text]) -> list[Place | None]:
    """Find each text as a run of tokens; None for one that is not there whole."""
    rows = batch.input_ids.tolist()
    return [_place(rows, list(text.ids), number) for number, text in enumerate(texts)]


def _place(rows: list[list[int]], ids: list[int], number: int) -> Place | None:
    # its own row first: a short text may be part of another
    order = sorted(range(len(rows)), key=lambda row: row != number)
    found = (
        Place(row, start)
        for row in order
        for start in range(len(rows[row]) - len(ids) + 1)
        if rows[row][start : start + len(ids)] == ids
    )
    return next(found, None)


def masks_prompts(batch: Collated, texts: Sequence[Text]) -> bool:
    """Whether no token of a prompt, but the first of a text, has a label."""
    found = [(place, text) for place, text in zip(places(batch, texts), texts, strict=True) if place is not None]
    if batch.shifted:
        return all(
            label == IGNORED for place, text in found for label in place.of(batch.labels, text)[: text.first - 1]
        )
    return all(label == IGNORED for place, text in found for label in place.of(batch.labels, text)[1 : text.first])


def outside(batch: Collated, texts: Sequence[Text]) -> list[tuple[int, int]]:
    """Return the places, row and column, at which no text stands."""
    taken = {
        (place.row, place.start + i)
        for place, text in zip(places(batch, texts), texts, strict=True)
        if place is not None
        for i in range(len(text.ids))
    }
    rows, length = batch.input_ids.shape
    return [(row, at) for row in range(rows) for at in range(length) if (row, at) not in taken]


SHOWN = 8
"""Columns of learned padding that are kept on either side."""
WIDEST = 100
"""Columns that a batch may have before those of padding alone are left out: the models read 128."""


def narrow(batch: Collated, texts: Sequence[Text]) -> Collated:
    """Return a batch that is padded far beyond its texts without the columns of padding in which nothing is told."""
    rows, length = batch.input_ids.shape
    if length <= WIDEST:
        return batch
    empty = Counter(at for _, at in outside(batch, texts))
    told = (batch.labels != IGNORED).any(dim=0)
    # of padding that is learned, a little shows what all of it would
    learned = [at for at in range(length) if empty[at] == rows and bool(told[at])]
    shown = {*learned[:SHOWN], *learned[-SHOWN:]}
    kept = torch.tensor([at for at in range(length) if empty[at] < rows or at in shown], dtype=torch.long)
    mask = batch.attention_mask
    if mask is not None:
        mask = mask.index_select(-1, kept)
        mask = mask if mask.ndim == 2 else mask.index_select(-2, kept)
    places = None if batch.position_ids is None else batch.position_ids[:, kept]
    return Collated(batch.input_ids[:, kept], batch.labels[:, kept], mask, places, batch.shifted)


def right_labels(batch: Collated, texts: Sequence[Text], *, prompts: bool) -> list[list[int]]:
    """Return the labels that the batch should have: each completion's tokens; a prompt's too with ``prompts``."""
    rows, length = batch.input_ids.shape
    right = [[IGNORED] * length for _ in range(rows)]
    for place, text in zip(places(batch, texts), texts, strict=True):
        if place is None:
            continue
        for i in range(1 if prompts else text.first, len(text.ids)):
            right[place.row][place.start + i - batch.shifted] = text.ids[i]
    return right


def smallest(calls: Sequence[tuple[Collated, Sequence[Text], Marks]], *, prompts: bool) -> str:
    """Say the first batch whose labels are not the textbook's, in words; '' where there is none.

    The label of a text's first token is not looked at: nothing predicts it.
    """
    for batch, texts, marks in calls:
        right = right_labels(batch, texts, prompts=prompts)
        firsts = {(p.row, p.start - batch.shifted) for p in places(batch, texts) if p is not None}
        for row, (got, wanted) in enumerate(zip(batch.labels.tolist(), right, strict=True)):
            off = [i for i, pair in enumerate(zip(got, wanted, strict=True)) if pair[0] != pair[1]]
            if any((row, i) not in firsts for i in off):
                ids = " and ".join(str(list(text.ids)) for text in texts)
                which = f"the end mark {marks.eos} and padding {marks.pad}"
                return f"texts {ids}, {which}: labels {got}, right {wanted}"
    return ""
