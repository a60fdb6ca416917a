"""What is asked of a collator: that its texts are in the batch, and the properties of `sad/invariants` on its loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from sad.invariants.batch_composition import batch_composition
from sad.invariants.target_alignment import EOS, PAD, TEXTS, target_alignment
from sad.judge.collators import exchanges
from sad.judge.collators.call import Call
from sad.judge.collators.cutting import cut_alike
from sad.judge.collators.features import MESSAGES
from sad.judge.collators.marker import MARKER
from sad.judge.collators.textbook import Place, masks_prompts, narrow, outside, places, smallest
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text, collated_loss
from sad.verdict import Standing, Verdict

BOTH = (Marks(EOS, PAD), Marks(EOS, EOS))
"""A padding mark of its own, and the end mark as the padding mark."""
SHORT = (TEXTS[0],), (TEXTS[3], TEXTS[0]), TEXTS
"""The smallest batches first."""


def can_be_called(call: Call) -> Verdict:
    """It returns ids and labels of one shape, the same for the same texts."""
    found, again = (call(TEXTS, BOTH[0]) for _ in range(2))
    names = ", ".join(found.names)
    if not _same(found.batch, again.batch):
        return Verdict(False, "the same texts twice give two batches")
    rows, length = found.batch.input_ids.shape
    return Verdict(True, f"{len(TEXTS)} texts give {rows} x {length} of {names}")


def tokens_kept(call: Call) -> Verdict:
    """Every text is in the batch, whole and once, in the order in which it came."""
    for marks in BOTH:
        for texts in SHORT:
            batch = call(texts, marks).batch
            found = places(batch, texts)
            if says := _dropped(batch, found):
                return Verdict(
                    False, says, example=f"{[list(text.ids) for text in texts]} in {batch.input_ids.tolist()}"
                )
            for text, place in zip(texts, found, strict=True):
                if place is None:
                    says = f"a text of {len(text.ids)} tokens is not in the batch whole"
                    return Verdict(False, says, example=f"{list(text.ids)} in {batch.input_ids.tolist()}")
            there = [place for place in found if place is not None]
            if len({(place.row, place.start) for place in there}) < len(there):
                return Verdict(False, "two texts stand at one place", example=str(batch.input_ids.tolist()))
    order = sorted(there, key=lambda place: (place.row, place.start))
    says = f"{len(TEXTS)} texts of {min(len(t.ids) for t in TEXTS)} to {max(len(t.ids) for t in TEXTS)} tokens"
    if order != there:
        return _allowed(f"{says}; in another order than they came")
    return Verdict(True, f"{says}, each whole")


def _dropped(batch: Collated, found: Sequence[Place | None]) -> str:
    """Say that texts have no row at all, where every other one has a row of its own; '' where that is not so."""
    there = [place.row for place in found if place is not None]
    missing, rows = len(found) - len(there), len(batch.input_ids)
    if not missing or rows != len(there) or len(set(there)) < rows:
        return ""
    return f"{missing} of {len(found)} texts are dropped: the batch has {rows} rows"


def attention_mask(call: Call) -> Verdict:
    """The mask is 1 on a text's tokens and 0 on padding, whatever tokens those are."""
    notes: list[str] = []
    whole = call(TEXTS, BOTH[0]).batch
    if whole.attention_mask is None and not outside(whole, TEXTS):
        return Verdict(True, "no padding, no mask: texts share rows", standing=Standing.NOT_APPLICABLE)
    for marks in BOTH:
        for texts in SHORT:
            batch = call(texts, marks).batch
            padding = outside(batch, texts)
            if batch.attention_mask is None:
                if padding:
                    notes.append(_unmasked(padding, batch, texts, "it gives no mask"))
                continue
            if batch.attention_mask.ndim != 2:
                return _allowed(f"a mask of {batch.attention_mask.ndim} axes: judged by the loss")
            if fault := _hidden(batch, texts, marks):
                return fault
            if shown := [at for at in padding if bool(batch.attention_mask[at])]:
                notes.append(_unmasked(shown, batch, texts, "the mask is 1 on padding"))
    broken = next((note for note in notes if "before" in note), "")
    if broken:
        return Verdict(False, broken)
    return _allowed(notes[0]) if notes else Verdict(True, "1 on tokens, 0 on padding, with either padding mark")


def _hidden(batch: Collated, texts: Sequence[Text], marks: Marks) -> Verdict | None:
    """A token that the mask hides."""
    assert batch.attention_mask is not None, "asked of a mask"
    for text, place in zip(texts, places(batch, texts), strict=True):
        if place is None:
            continue
        seen = place.of(batch.attention_mask, text)
        hidden = [i for i, one in enumerate(seen) if not one]
        if hidden:
            ends = all(text.ids[i] == marks.eos for i in hidden)
            what = "end marks" if ends else "tokens"
            same = " where the end mark is the padding mark" if marks.eos == marks.pad else ""
            says = f"{len(hidden)} {what} of a text are masked{same}"
            example = f"text {list(text.ids)}, padding {marks.pad}: mask {[int(one) for one in seen]}"
            return Verdict(False, says, {"hidden": len(hidden)}, example=example)
    return None


def _unmasked(shown: Sequence[tuple[int, int]], batch: Collated, texts: Sequence[Text], what: str) -> str:
    """Say of padding that is not masked whether it stands before a text, where it is read."""
    starts = [place for place in places(batch, texts) if place is not None]
    before = any(at < place.start and row == place.row for row, at in shown for place in starts)
    if before:
        return f"{what}, and there is padding before a text: it is read"
    return f"{what}: behind a text it is never read, with causal attention"


def features_untouched(call: Call, texts: Sequence[Text] = TEXTS) -> Verdict:
    """Features that were collated once give the same batch as fresh ones."""
    if call.code.adapter is not None:
        return Verdict(True, "an adapter stands before it", standing=Standing.NOT_APPLICABLE)
    given = call.features(texts, BOTH[0])
    before = copy.deepcopy(given)
    call.of(given, texts, BOTH[0])
    changed = [number for number, pair in enumerate(zip(before, given, strict=True)) if not _equal(*pair)]
    if not changed:
        return Verdict(True, "features are as they were")
    says = f"{len(changed)} of {len(texts)} features are changed by the call"
    for number in changed:
        fresh = call.of(call.features([texts[number]], BOTH[0]), [texts[number]], BOTH[0])
        try:
            again = call.of([given[number]], [texts[number]], BOTH[0])
        except Exception as error:
            return Verdict(False, f"{says}; the second time it raises {type(error).__name__}: {error}")
        if not _same(fresh.batch, again.batch):
            example = f"before {before[number]}, after {given[number]}"
            return Verdict(False, f"{says}, and give another batch the next time", example=example)
    return _allowed(f"{says}, and give the same batch again")


def targets(call: Call) -> Verdict:
    """The targets are those of the completions: `sad.invariants.target_alignment` on the loss of its labels."""
    if asked := _asks_again(call):
        return asked
    verdict = target_alignment(collated_loss(lambda texts, marks: narrow(call(texts, marks).batch, texts)))
    learned = not masks_prompts(call(TEXTS, BOTH[0]).batch, TEXTS)
    if verdict.holds:
        if learned and call.form.prompts:
            return _allowed(f"prompts are learned too, though the features tell them apart: {verdict.says}")
        return _several(call) or exchanges.several(call) or verdict
    calls = [(call(texts, marks).batch, texts, marks) for texts in SHORT for marks in BOTH]
    besides = exchanges.several(call)
    says = verdict.says if besides is None or besides.holds else f"{besides.says}; {verdict.says}"
    return replace(verdict, says=says, example=smallest(calls, prompts=learned))


def _several(call: Call) -> Verdict | None:
    """Whether it tells the end of a text by the first end mark in it, which pads too: right for one answer a text."""
    if not call.one_mark:
        return None
    inside = call.other(several=True)
    verdict = target_alignment(collated_loss(lambda texts, marks: narrow(inside(texts, marks).batch, texts)))
    if verdict.holds:
        return None
    return _allowed(
        f"right for one answer a text; with an end mark inside one, which is its padding mark, {verdict.says}"
    )


def _asks_again(call: Call) -> Verdict | None:
    """Whether the header that asks for an answer stands behind the answer, and is learned."""
    batch = call(TEXTS, BOTH[0]).batch
    behind = (batch.input_ids == MARKER) & (batch.labels == MARKER)
    if call.form is not MESSAGES or not bool(behind.any()):
        return None
    says = f"{int(behind.sum())} headers that ask for an answer stand behind one, and are learned"
    example = f"ids {batch.input_ids[0].tolist()}, labels {batch.labels[0].tolist()}: {MARKER} is the header"
    return Verdict(False, f"{says}: add_generation_prompt=True is for prompts alone", example=example)


def composition(call: Call) -> Verdict:
    """A text's loss does not depend on its batch: `sad.invariants.batch_composition` on the loss of its labels."""
    verdict = batch_composition(collated_loss(lambda texts, marks: narrow(call(texts, marks).batch, texts)))
    if verdict.holds:
        return verdict
    if batch_composition(collated_loss(lambda texts, marks: _placed(narrow(call(texts, marks).batch, texts)))).holds:
        says = "padding stands before a text and no position_ids are given: right for models that know positions by "
        return _allowed(f"{says}their distance (Llama), not for those that count them (GPT-2); {verdict.says}")
    return verdict


def _placed(batch: Collated) -> Collated:
    """The same with positions that are counted from a text's first token."""
    mask = batch.attention_mask
    if batch.position_ids is not None or mask is None or mask.ndim != 2:
        return batch
    return replace(batch, position_ids=(mask.long().cumsum(dim=-1) - 1).clamp_min(0))


def left_padding(call: Call) -> Verdict:
    """With a tokenizer that pads on the left, mask and labels move with the ids."""
    other = call.other(side="left")
    right, left = (one(TEXTS, BOTH[0]).batch for one in (call, other))
    if _same(right, left):
        says = "the tokenizer's padding side changes nothing"
        return Verdict(True, says, standing=Standing.NOT_APPLICABLE)
    for check in (tokens_kept, attention_mask, targets, composition):
        verdict = check(other)
        if not verdict.holds and check in (targets, composition) and _first_alone(call, other):
            says = (
                "padded on the left, the first token of a text is learned from the padding before it: no matter where"
            )
            return _allowed(f"{says} it is always the same one; {verdict.says}")
        if not verdict.holds:
            return replace(verdict, says=f"padded on the left: {verdict.says}")
        if verdict.standing is Standing.ALLOWED and check is composition:
            return verdict
    return Verdict(True, "padded on the left, it holds as on the right")


def _first_alone(call: Call, other: Call) -> bool:
    """Whether whole texts are learned, and on the left nothing else is wrong than the labels of their first tokens,
    behind padding: without those it holds, or breaks as on the right.
    """
    if masks_prompts(other(TEXTS, BOTH[0]).batch, TEXTS):
        return False

    def without(texts: Sequence[Text], marks: Marks) -> Collated:
        batch = narrow(other(texts, marks).batch, texts)
        labels = batch.labels.clone()
        for place in places(batch, texts):
            if place is not None:
                labels[place.row, place.start] = IGNORED
        return _placed(replace(batch, labels=labels))

    right = collated_loss(lambda texts, marks: narrow(call(texts, marks).batch, texts))
    for judged in (target_alignment, batch_composition):
        left, before = judged(collated_loss(without)), judged(right)
        if not left.holds and (before.holds or left.says != before.says):
            return False
    return True


def truncated(call: Call) -> Verdict:
    """A text that is too long is cut alike in ids, labels and prompts: `sad.invariants.truncated_alike`."""
    return cut_alike(call)


def _same(left: Collated, right: Collated) -> bool:
    pairs = [
        (getattr(left, name), getattr(right, name))
        for name in ("input_ids", "labels", "attention_mask", "position_ids")
    ]
    return all(
        (one is None and other is None) or (one is not None and other is not None and torch.equal(one, other))
        for one, other in pairs
    )


def _equal(left: Any, right: Any) -> bool:  # noqa: ANN401 - features of any form
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, tuple):
        return all(map(_equal, left, right))
    return bool(left == right)


def _allowed(says: str) -> Verdict:
    return Verdict(True, says, standing=Standing.ALLOWED)
