"""From someone's collator to what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from sad.invariants.target_alignment import TEXTS
from sad.judge.collators import checks, packed, templates
from sad.judge.collators.call import Call
from sad.judge.collators.contract import CONTRACT
from sad.judge.collators.discover import MARKS, discover
from sad.judge.collators.parameters import TEMPLATES
from sad.judge.collators.prepares import Takes
from sad.judge.collators.textbook import masks_prompts, outside, places
from sad.judge.judging import Code, Judged, file_of
from sad.subjects.text_loss import Collated
from sad.verdict import Verdict

CHECKS: dict[str, Callable[[Call], Verdict]] = {
    "can_be_called": checks.can_be_called,
    "tokens_kept": checks.tokens_kept,
    "attention_mask": checks.attention_mask,
    "features_untouched": checks.features_untouched,
    "target_alignment": checks.targets,
    "batch_composition": checks.composition,
    "left_padding": checks.left_padding,
    "truncated_alike": checks.truncated,
}


OWN_PAD = re.compile(r"(\bpad_token *=(?!=)|['\"]pad_token['\"]\]? *[:=](?!=)) *(?!None)\S")
ENDS_PAD = re.compile(r"pad_token(_id)?['\"]? *[=:] *[\w.]*(eos|end)")


def sets_pad(text: str) -> bool:
    """Whether a file sets a padding mark that is nowhere the end mark."""
    return bool(OWN_PAD.search(text)) and not ENDS_PAD.search(text)


def found(code: Code) -> Judged:
    """Find out how a collator is called. Raises what `sad.judge.collators.discover.discover` raises."""
    call = discover(code)
    call = call.other(own_pad=sets_pad(file_of(code)))
    if call.own:
        return _templated(call)
    read = call(TEXTS, MARKS)
    said = ["called as its adapter says" if code.adapter else f"a text is {call.form.says}"]
    if call.way is not Takes.LIST:
        said.append(f"it is called with {call.way.value}; its rows are padded here, on the right")
    if call.appends:
        said.append("it puts an end mark behind each text itself, so texts are given without one")
    if call.one_mark:
        said.append("its padding mark is its end mark, and it is given that alone")
    if call.begins:
        said.append("it puts a begin mark before each text, which is taken out of the batch")
    if call.words:
        what = "a word" if call.words == 1 else f"{call.words} words"
        said.append(f"it looks for {what} of its own, put before each completion and taken out of the batch")
    if call.takes(TEMPLATES):
        said.append("its template is one token, which stands before each completion and is taken out of the batch")
    if code.adapter is None:
        said.append("its tokenizer, if it takes one, has a word for each id; both with a padding mark and without")
    if call.own_pad:
        said.append("its file gives the tokenizer a padding mark of its own: the end mark never pads")
    said.append(f"the batch is read by {', '.join(read.names)}")
    said.append(
        "place i predicts label i" if read.batch.shifted else "place i predicts label i + 1, as in transformers' models"
    )
    asked = packed.CONTRACT if packed.packs(call, read.batch) else CHECKS
    if asked is packed.CONTRACT:
        said.append("it packs a corpus: what stands between texts, and that they see one another, is its own affair")
    return Judged(_what(read.batch), said, {name: partial(check, call) for name, check in asked.items()})


def _templated(call: Call) -> Judged:
    """What is asked of a collator with a template of its own: what holds whatever that is."""
    read = call(templates.TEXTS, MARKS)
    said = [f"a text is {call.form.says}"]
    if call.way is not Takes.LIST:
        said.append(f"it is called with {call.way.value}; its rows are padded here, on the right")
    said.append("it puts words of its own round its texts; what holds for any template is asked of it, and no more")
    how = "one for each letter of all other words; it puts " + ("a begin mark" if call.begins else "nothing")
    said.append(f"its tokenizer, if it takes one, has a word for each of a text's, and {how} before a text")
    if call.own_pad:
        said.append("its file gives the tokenizer a padding mark of its own: the end mark never pads")
    said.append(f"the batch is read by {', '.join(read.names)}")
    every = [templates.learned(read.batch, row, text) for row, text in enumerate(templates.TEXTS)]
    prompts = any(one.prompt for one in every)
    what = f"a collator with a template of its own, which {'learns prompts too' if prompts else 'masks prompts'}"
    return Judged(what, said, {name: partial(check, call) for name, check in CONTRACT.items()})


def _what(batch: Collated) -> str:
    rows = "packs texts into rows" if len(batch.input_ids) < len(TEXTS) else _padding(batch)
    learned = "masks prompts" if masks_prompts(batch, TEXTS) else "learns prompts too"
    return f"a collator that {rows} and {learned}"


def _padding(batch: Collated) -> str:
    starts = {place.row: place.start for place in places(batch, TEXTS) if place is not None}
    before = any(at < starts.get(row, 0) for row, at in outside(batch, TEXTS))
    return f"pads on the {'left' if before else 'right'}"
