"""Labels against ids, whatever a text is: each is the id of its place, or all are those of the next places."""

from __future__ import annotations

from collections.abc import Collection

import torch

from sad.judge.collators.templates import MARKS
from sad.subjects.text_loss import IGNORED, Collated
from sad.verdict import Standing, Verdict


def copies(batch: Collated, words: Collection[int] | None = None) -> Verdict | None:
    """Whether a label is not its place's id, nor, for all of them, the next one's; or is padding's.

    Where the ``words`` of the texts are told, an end mark may be the label of a place that has none of them.
    """
    ids, labels = batch.input_ids, batch.labels
    told = labels != IGNORED
    count = int(told.sum())
    if not count:
        return unasked("no text here gets a label: it may count on what a tokenizer of its own puts round a text")
    ends = torch.zeros_like(told)
    if words is not None:
        # behind an answer some learn the end mark where a mark of their own stands, which begins the next turn
        ends = (labels == MARKS.eos) & ~torch.isin(ids, torch.tensor([*words, MARKS.eos, MARKS.pad]))
    off = min(int((told & (labels != ids) & ~ends).sum()), int((told & (labels != ids.roll(-1, 1)))[:, :-1].sum()))
    example = f"ids {ids[0].tolist()}, labels {labels[0].tolist()}"
    if off and not int((told & (labels != ids.roll(1, 1)))[:, 1:].sum()):
        return Verdict(False, "each label is the id before its place, which was read already", example=example)
    if off > count // 2:
        return unasked(f"{off} of {count} labels are not those of the ids, nor of the next: they are another text's")
    if off:
        return Verdict(False, f"{off} of {count} labels are not those of their place", {"off": off}, example=example)
    padding = int((labels == MARKS.pad).sum())
    if padding:
        says = f"{padding} labels are those of padding: it is learned"
        return Verdict(False, says, {"padding": padding}, example=example)
    return None


def unasked(says: str) -> Verdict:
    """Return that a property is not applicable, and why."""
    return Verdict(True, says, standing=Standing.NOT_APPLICABLE)


def allowed(says: str) -> Verdict:
    """Return that a property holds in a way that is worth a look."""
    return Verdict(True, says, standing=Standing.ALLOWED)
