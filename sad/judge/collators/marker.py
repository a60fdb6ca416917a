"""Tokens that are not a text's: a template before a completion, an end mark that the collator adds itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from sad.invariants._models import VOCABULARY
from sad.judge.collators.textbook import places
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text

MARKER = VOCABULARY - 1
"""Stands between a prompt and its completion where a collator looks for a template there; no text holds it."""

INNER = VOCABULARY - 2
"""Stands for an end mark inside a text where the collator pads with its end mark and tells its end by the first one:
such a text is one answer. No text holds it.
"""


def once(text: Text, marks: Marks) -> Text:
    """Return a text without its end mark, and with another word for those inside."""
    short = bare(text, marks)
    parts = (tuple(INNER if one == marks.eos else one for one in part) for part in (short.prompt, short.completion))
    return Text(*parts)


def with_inner(batch: Collated, marks: Marks) -> Collated:
    """Return the batch of such texts with the end marks inside them."""
    ids, labels = (of.where(of != INNER, marks.eos) for of in (batch.input_ids, batch.labels))
    return replace(batch, input_ids=ids, labels=labels)


def marked(text: Text, times: int = 1) -> Text:
    """Return a text with the marker behind its prompt; a text without one gets its first token for it."""
    return Text((*text.ids[: text.first], *(MARKER,) * times), text.ids[text.first :])


def without_marker(batch: Collated) -> Collated:
    """Return the batch without the column of the marker in each row, as if it had never been there.

    Raises UserError where the rows have different numbers of them.
    """
    kept = batch.input_ids != MARKER
    counts = (~kept).sum(dim=1)
    if int(counts.min()) != int(counts.max()):
        raise NeedsAdapterError("it looks for a template between prompt and completion, and packs texts into rows")
    return _cut(batch, kept)


def without_header(batch: Collated) -> Collated:
    """Return the batch without the marker that the chat template puts before an answer, the first in each row.

    Another one stays, with its label: a header behind the answer, which asks for one more.
    """
    there = batch.input_ids == MARKER
    if not bool(there.any(dim=1).all()):
        return batch
    kept = torch.ones_like(there)
    kept[torch.arange(len(there)), there.int().argmax(dim=1)] = False
    return _cut(batch, kept)


def _cut(batch: Collated, kept: Bool[Tensor, "batch length"]) -> Collated:
    """Return the batch with the places that are kept, as many in each row."""

    def cut(of: Tensor | None) -> Tensor | None:
        return None if of is None or of.ndim != 2 else of[kept].view(len(of), -1)

    ids, labels = cut(batch.input_ids), cut(batch.labels)
    assert ids is not None, "ids have two axes"
    assert labels is not None, "labels have the shape of ids"
    return Collated(ids, labels, cut(batch.attention_mask), cut(batch.position_ids), batch.shifted)


def bare(text: Text, marks: Marks) -> Text:
    """Return a text without its end mark."""
    ends = text.ids[-1] == marks.eos and len(text.completion) > 1
    return Text(text.prompt, text.completion[:-1]) if ends else text


def without_added_ends(batch: Collated, texts: Sequence[Text], marks: Marks) -> Collated:
    """Take the label off an end mark that was put behind a text that was cut: it cannot be told that it was."""
    labels = torch.clone(batch.labels)
    for place, text in zip(places(batch, texts), texts, strict=True):
        if place is not None and text.ids[-1] != marks.eos:
            labels[place.row, place.start + len(text.ids) - batch.shifted] = IGNORED
    return replace(batch, labels=labels)
