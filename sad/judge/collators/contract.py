"""What holds for a collator whatever its template: asked where it puts words of its own round its texts.

Which of the template's words should be learned, whether prompts are, and whether an end mark stands behind an answer
is the template's own affair. What depends on that is allowed and said, never broken.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

import torch

from sad.judge.collators import exchanges
from sad.judge.collators.asked import ASKED
from sad.judge.collators.batch import Read, WrongBatchError
from sad.judge.collators.call import Call
from sad.judge.collators.checks import features_untouched
from sad.judge.collators.copies import allowed, copies, unasked
from sad.judge.collators.parameters import LENGTHS
from sad.judge.collators.templates import MARKS, TEXTS, WORDS, clear, holds, learned
from sad.judge.judging import file_of, reached
from sad.judge.raising import raised
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text
from sad.verdict import Verdict

ENDS_PAD = Marks(MARKS.eos, MARKS.eos)
SOME = (TEXTS[:1], TEXTS[1:3], TEXTS)
SEED = 17
RANDOM = re.compile(r"random|shuffle|randint|multinomial|\bchoice|\bsample\(")
Row = list[tuple[int, int, int]]
"""Ids, labels and mask of a row."""


def can_be_called(call: Call) -> Verdict:
    """It returns ids and labels of one shape, the same for the same texts."""
    found = call(TEXTS, MARKS)
    rows, length = found.batch.input_ids.shape
    says = f"{len(TEXTS)} texts give {rows} x {length} of {', '.join(found.names)}"
    if not _draws(call):
        return Verdict(True, says)
    drawn = "the same texts twice give two batches"
    random_too = RANDOM.search(file_of(call.code))
    return allowed(f"{says}; {drawn}: it draws at random") if random_too else Verdict(False, drawn)


def tokens_kept(call: Call) -> Verdict:
    """The words of every text are in a row of its own, in their order, in the order in which texts came."""
    for texts, batch, _ in _batches(call):
        if not holds(batch, texts):
            example = f"{[list(text.ids) for text in texts]} in {batch.input_ids.tolist()}"
            return Verdict(False, "words of a text are not in its row, as they are in other batches", example=example)
    return Verdict(True, f"the words of {len(TEXTS)} texts, each in a row of its own, in its order")


def attention_mask(call: Call) -> Verdict:
    """No word of a text, nor of its template before its last one, is masked; padding before a text is."""
    note = ""
    for texts, batch, marks in _batches(call):
        mask = batch.attention_mask
        if mask is None or mask.ndim != 2:
            return unasked("it gives no mask of two axes")
        if torch.equal(mask.bool(), batch.labels != IGNORED):
            return unasked("its mask is that of its labels")
        for row, ids in enumerate(batch.input_ids.tolist()):
            at = [i for i, one in enumerate(ids) if one in WORDS]
            told = mask[row].tolist()
            if hidden := [i for i in range(at[0], at[-1] + 1) if not told[i] and ids[i] != marks.eos]:
                example = f"ids {ids}, mask {told}"
                says = f"{len(hidden)} tokens inside a text are masked"
                return Verdict(False, says, {"hidden": len(hidden)}, example=example)
            front, behind = _padding(ids, marks)
            if marks == MARKS and any(told[i] for i in front):
                says = "the mask is 1 on padding, and there is padding before a text: it is read"
                return Verdict(False, says, example=f"ids {ids}, mask {told}")
            if marks == MARKS and any(told[i] for i in behind):
                note = "the mask is 1 on padding behind a text, where it is never read"
        if marks == ENDS_PAD and (lost := _hidden_ends(call, texts, batch)):
            note = f"{lost} end marks are masked where the end mark is the padding mark: give it one of its own"
    return allowed(note) if note else Verdict(True, "1 on every text's words, 0 on padding")


def untouched(call: Call) -> Verdict:
    """Features that were collated once give the same batch again; of what prepares each text once it is only said."""
    verdict = features_untouched(call, TEXTS)
    if verdict.holds or not call.prepares():
        return verdict
    return allowed(f"{verdict.says}: it is for texts that are prepared once")


def targets(call: Call) -> Verdict:
    """Each label is the id at its place, or at the next for all of them; none is padding's; answers are learned."""
    batches = [(texts, batch) for texts, batch, marks in _batches(call) if marks == MARKS]
    for texts, batch in batches:
        if said := copies(batch, WORDS):
            return said
        if said := _of_words(call, batch, texts):
            return said
    said = exchanges.several(call)
    if said and not said.holds:
        return said
    last = batches[-1][1]
    prompts = all(learned(last, row, text).prompt >= len(text.prompt) for row, text in enumerate(TEXTS))
    if prompts and call.form.prompts:
        return allowed(f"{_place(last)}; prompts are learned too, though the features tell them apart")
    ends = _told_ends(call)
    if said or ends:
        return said or allowed(ends)
    return Verdict(True, f"{_place(last)}, -100 on padding; answers are learned")


def composition(call: Call) -> Verdict:
    """A text has the same ids, labels and mask alone, beside others and in another order, but for its padding."""
    if _draws(call):
        return unasked("it draws at random")
    together = _rows(_seeded(call, TEXTS, MARKS).batch)
    turned = _rows(_seeded(call, TEXTS[::-1], MARKS).batch)[::-1]
    for number, text in enumerate(TEXTS):
        alone = _rows(_seeded(call, [text], MARKS).batch)[0]
        for other, how in ((together[number], "beside others"), (turned[number], "in another order")):
            off = [name for at, name in enumerate(("ids", "labels", "mask")) if _part(alone, at) != _part(other, at)]
            if off:
                example = f"alone {_part(alone, 0)}, labels {_part(alone, 1)}; {how} {_part(other, 0)}, labels "
                says = f"a text has other {off[0]} {how} than alone"
                return Verdict(False, says, example=f"{example}{_part(other, 1)}")
    return Verdict(True, f"{len(TEXTS)} texts have the same ids, labels and mask alone, together and in another order")


def left_padding(call: Call) -> Verdict:
    """With a tokenizer that pads on the left the same holds; a template may count from the left, so it is only said."""
    other = call.other(side="left")
    try:
        left = _seeded(other, TEXTS, MARKS).batch
    except (Exception, SystemExit) as error:
        return unasked(f"with a tokenizer that pads on the left it {raised(error)}")
    if _exact(left) == _exact(_seeded(call, TEXTS, MARKS).batch):
        return unasked("the tokenizer's padding side changes nothing")
    for check in (tokens_kept, attention_mask, targets, composition):
        verdict = check(other)
        if not verdict.holds:
            return allowed(f"padded on the left: {verdict.says}; give it a tokenizer that pads on the right")
    return Verdict(True, "padded on the left, it holds as on the right")


def truncated(call: Call) -> Verdict:
    """Where it cuts, ids and labels are cut at the same place."""
    if not (call.takes(LENGTHS) or re.search("|".join(LENGTHS), file_of(call.code))):
        return unasked("it takes no length to cut at")
    longest = max(sum(one[0] != MARKS.pad for one in row) for row in _rows(_seeded(call, TEXTS, MARKS).batch))
    room = longest - 2
    try:
        batch = _seeded(call.other(longest=room), TEXTS, MARKS).batch
    except WrongBatchError as error:
        return Verdict(False, f"cut to {room} tokens, {error}")
    except (Exception, SystemExit) as error:
        return unasked(f"cut to {room} tokens, it {raised(error)}")
    if batch.input_ids.shape[1] > room:
        return unasked("a length of its own, or of another name, is what it cuts at")
    said, before = copies(batch, WORDS), copies(_seeded(call, TEXTS, MARKS).batch, WORDS)
    if said and before:
        return unasked(f"cut or not: {before.says}")
    if said:
        return Verdict(False, f"cut to {room} tokens: {said.says}", example=said.example)
    return Verdict(True, f"cut to {room} tokens, ids and labels are cut alike")


CONTRACT: dict[str, Callable[[Call], Verdict]] = {
    "can_be_called": can_be_called,
    "tokens_kept": tokens_kept,
    "attention_mask": attention_mask,
    "features_untouched": untouched,
    "target_alignment": targets,
    "batch_composition": composition,
    "left_padding": left_padding,
    "truncated_alike": truncated,
}


def _seeded(call: Call, texts: Sequence[Text], marks: Marks) -> Read:
    random.seed(SEED)
    torch.manual_seed(SEED)
    return call(texts, marks)


def _batches(call: Call) -> Iterator[tuple[Sequence[Text], Collated, Marks]]:
    """Batches of one text, of a few and of all; with the end mark for padding too, unless that is refused."""
    for marks in (MARKS, ENDS_PAD):
        for texts in SOME:
            try:
                yield texts, _seeded(call, texts, marks).batch, marks
            except (Exception, SystemExit):
                if marks == MARKS:
                    raise


def _of_words(call: Call, batch: Collated, texts: Sequence[Text]) -> Verdict | None:
    """Whether an answer is not learned, or a part of it alone: broken where it counts on no tokenizer."""
    known = call.form.prompts and call.form is not ASKED
    for row, text in enumerate(texts):
        found = learned(batch, row, text)
        if clear(found, text) or not known:
            continue
        example = f"ids {batch.input_ids[row].tolist()}, labels {batch.labels[row].tolist()}"
        if not found.every:
            return unasked(f"a text of {len(text.ids)} words gets no label: it may ask for a tokenizer of its own")
        says = f"{found.completion} of {len(text.completion)} words of an answer are learned, and {found.prompt} of "
        says += f"{len(text.prompt)} of its prompt"
        if exchanges.COUNTS.search(reached(call.code)):
            return allowed(f"{says}: it counts tokens, which may be right for a tokenizer of its own")
        return Verdict(False, says, example=example)
    return None


def _told_ends(call: Call) -> str:
    """Say that end marks lose their labels where they pad; '' where they do not."""
    for texts, batch, marks in _batches(call):
        if marks == ENDS_PAD:
            own = int((_seeded(call, texts, MARKS).batch.labels == marks.eos).sum())
            left = int((batch.labels == marks.eos).sum())
            if left < own:
                says = f"{own - left} of {own} end marks lose their labels where the end mark is the padding mark"
                return f"{says}: give it one of its own"
    return ""


def _hidden_ends(call: Call, texts: Sequence[Text], batch: Collated) -> int:
    """Tokens that a mask shows with a padding mark of its own, and hides where the end mark pads."""
    own, mask = _seeded(call, texts, MARKS).batch.attention_mask, batch.attention_mask
    assert mask is not None, "asked of a mask"
    return max(0, int(own.sum() - mask.sum())) if own is not None else 0


def _place(batch: Collated) -> str:
    told = batch.labels != IGNORED
    own = 2 * int((batch.labels == batch.input_ids)[told].sum()) > int(told.sum())
    return "labels are the ids of their places" if own else "labels are the ids of the next places"


def _padding(ids: Sequence[int], marks: Marks) -> tuple[range, range]:
    """Return the places of padding before a row's tokens and behind them."""
    told = [i for i, one in enumerate(ids) if one != marks.pad]
    return range(told[0]), range(told[-1] + 1, len(ids))


def _rows(batch: Collated) -> list[Row]:
    """Return each row without its padding: what has no label, and is a mark or masked, at its ends."""
    mask = batch.attention_mask
    seen = torch.ones_like(batch.input_ids) if mask is None or mask.ndim != 2 else mask.long()
    found: list[Row] = []
    for ids, labels, shown in zip(batch.input_ids.tolist(), batch.labels.tolist(), seen.tolist(), strict=True):
        row: Row = list(zip(ids, labels, shown, strict=True))
        while row and _is_padding(row[-1]):
            row.pop()
        while row and _is_padding(row[0]):
            row.pop(0)
        found.append(row)
    return found


def _is_padding(of: tuple[int, int, int]) -> bool:
    token, label, shown = of
    return label == IGNORED and (token in (MARKS.eos, MARKS.pad) or not shown)


def _exact(batch: Collated) -> tuple[list[list[int]], list[list[int]]]:
    return batch.input_ids.tolist(), batch.labels.tolist()


def _part(row: Row, at: int) -> list[int]:
    return [one[at] for one in row]


def _draws(call: Call) -> bool:
    return any(_rows(call(TEXTS, MARKS).batch) != _rows(call(TEXTS, MARKS).batch) for _ in range(3))
