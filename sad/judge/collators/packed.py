"""A function that puts the texts of a corpus into rows, one behind another: no answers, and nothing keeps them apart.

Marks between texts, what is learned behind them, and that the texts of a row see one another are its own affair.
"""

from __future__ import annotations

from collections.abc import Callable

from sad.invariants.target_alignment import TEXTS
from sad.judge.collators import checks
from sad.judge.collators.call import Call
from sad.judge.collators.copies import allowed, copies, unasked
from sad.judge.collators.templates import MARKS
from sad.judge.collators.textbook import places
from sad.subjects.text_loss import IGNORED, Collated
from sad.verdict import Verdict


def packs(call: Call, batch: Collated) -> bool:
    """Whether texts without prompts share rows, and neither positions nor a mask of two places keep them apart."""
    shared = len(batch.input_ids) < len(TEXTS) and batch.position_ids is None
    return shared and not call.form.prompts and (batch.attention_mask is None or batch.attention_mask.ndim == 2)


def attention_mask(call: Call) -> Verdict:
    """It is 1 on every token of a text."""
    batch = call(TEXTS, MARKS).batch
    if batch.attention_mask is None:
        return unasked("it gives no mask: rows have no padding, or it is behind all texts")
    hidden = sum(
        place.of(batch.attention_mask, text).count(0)
        for text, place in zip(TEXTS, places(batch, TEXTS), strict=True)
        if place is not None
    )
    if hidden:
        return Verdict(False, f"{hidden} tokens of texts are masked", example=str(batch.attention_mask.tolist()))
    return Verdict(True, "1 on the tokens of texts; what stands between them is not asked")


def targets(call: Call) -> Verdict:
    """Labels are copies of ids, padding has none, and every token of a text but its first is learned."""
    batch = call(TEXTS, MARKS).batch
    if said := copies(batch):
        return said
    for text, place in zip(TEXTS, places(batch, TEXTS), strict=True):
        labels = [] if place is None else place.of(batch.labels, text)
        lost = labels[1 - batch.shifted : len(text.ids) - batch.shifted].count(IGNORED)
        if lost:
            example = f"text {list(text.ids)}: labels {labels}"
            return Verdict(False, f"{lost} tokens of a text have no label", {"lost": lost}, example=example)
    return Verdict(True, "every token of a text is learned, padding is not")


def composition(_: Call) -> Verdict:
    """Texts of a row see one another: said, since that is what packing a corpus without position_ids is."""
    return allowed("texts of a row see one another, for want of position_ids: common where a corpus is learned")


def unpadded(_: Call) -> Verdict:
    """Rows that are full are padded nowhere."""
    return unasked("it packs a corpus: its rows are full, or padded at the end")


CONTRACT: dict[str, Callable[[Call], Verdict]] = {
    "can_be_called": checks.can_be_called,
    "tokens_kept": checks.tokens_kept,
    "attention_mask": attention_mask,
    "features_untouched": checks.features_untouched,
    "target_alignment": targets,
    "batch_composition": composition,
    "left_padding": unpadded,
    "truncated_alike": unpadded,
}
