"""Conversations of several exchanges: one exchange shows nothing of what is done with the second."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from sad.judge.collators.call import Call
from sad.judge.collators.copies import allowed
from sad.judge.collators.features import TURNS
from sad.judge.collators.letters import LONGEST
from sad.judge.collators.marker import INNER, MARKER
from sad.judge.collators.parameters import INSTRUCTIONS, TEMPLATES
from sad.judge.collators.templates import MARKS, TEXTS
from sad.judge.collators.words import written
from sad.judge.judging import reached
from sad.subjects.text_loss import IGNORED, Collated, Text
from sad.verdict import Verdict

COUNTS = re.compile(r"len\([^\n]*\)[^\n]{0,12}[-+] *\d|\w*(len|idx|index|offset)\w* *[-+]=? *\d")
"""Where a source counts on what a tokenizer of its own puts round a text."""
Turns = list[tuple[str, tuple[int, ...]]]
"""Who speaks, and the words."""


def _turns(*texts: Text) -> Turns:
    return [turn for text in texts for turn in (("user", text.prompt), ("assistant", text.completion))]


TALKS: tuple[tuple[Turns, ...], ...] = (
    (_turns(*TEXTS[:2]), _turns(*TEXTS[1:])),
    (_turns(*TEXTS[2:]), [("system", (25, 26, 27)), *_turns(*TEXTS[:2])]),
)
"""Batches of conversations: of two and of three exchanges; one that begins with a system's turn."""
ANSWERED: tuple[tuple[Turns, ...], ...] = ((_turns(*TEXTS[1:3]), [("assistant", (28, 29)), *_turns(*TEXTS[:2])]),)
"""One that begins with an answer, for who looks for marks of either: others count turns."""
TELLS_TURNS = re.compile(r"% *2\b|::2\]")
"""Where a source takes a list of strings for turns of two in their order, and not for one prompt and its answer."""


def several(call: Call) -> Verdict | None:
    """Say what is done with conversations of several exchanges, where it is another thing than with one; else None.

    An answer is learned whole or not at all, and no prompt where the first is not. What raises is not asked, nor what
    leaves words out.
    """
    if call.code.adapter is not None:
        return None
    marked = bool(call.takes(TEMPLATES) and call.takes((INSTRUCTIONS,)))
    if call.form.talk is None and not marked:
        return None
    text = reached(call.code)
    if call.form is TURNS and not TELLS_TURNS.search(text):
        return None
    other = call.other(own=True, longest=LONGEST, talks=marked, words=0)
    note, masks = None, False
    # what a source does not speak of it is not given
    asked = [*TALKS[:1], *(TALKS[1:] if marked or "system" in text.lower() else ()), *(ANSWERED if marked else ())]
    for talks in asked:
        batch = _collated(other, talks, marked=marked)
        if batch is None or len(batch.input_ids) != len(talks):
            continue
        if talks is TALKS[0]:
            masks = not any(_learned(batch, row, turns)[0] for row, turns in enumerate(talks))
        for row, turns in enumerate(talks):
            said = _said(batch, row, turns, masks=masks)
            if said and COUNTS.search(text):
                said = allowed(f"{said.says}: it counts tokens, which may be right for a tokenizer of its own")
            if said and not said.holds:
                return said
            note = note or said
    return note


def _collated(call: Call, talks: Sequence[Turns], *, marked: bool) -> Collated | None:
    texts = [Text((), tuple(one for _, words in turns for one in words)) for turns in talks]
    try:
        given = [_marked(call, turns) if marked else _spoken(call, turns) for turns in talks]
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            return call.of(given, texts, MARKS).batch
    except (Exception, SystemExit):
        return None


def _spoken(call: Call, turns: Turns) -> Any:  # noqa: ANN401 - a feature of any form
    assert call.form.talk is not None, "a form of conversations"
    return call.form.talk([(who, written(words, MARKS)) for who, words in turns])


def _marked(call: Call, turns: Turns) -> Any:  # noqa: ANN401 - a feature of any form
    """A text in which a mark stands before each prompt, and another before each answer; a system's words have none."""
    before = {"user": (INNER,), "assistant": (MARKER,), "system": ()}
    ids = tuple(one for who, words in turns for one in (*before[who], *words))
    return call.form.make(Text(ids[:1], ids[1:]), MARKS)


def _learned(batch: Collated, row: int, turns: Turns) -> list[int]:
    """Return how many words of each turn have labels in a row, wherever those stand."""
    labels = set(batch.labels[row].tolist())
    return [sum(one in labels for one in part) for _, part in turns]


def _said(batch: Collated, row: int, turns: Turns, *, masks: bool) -> Verdict | None:
    """What is wrong with a row, or worth a look; None for nothing."""
    words = [one for _, part in turns for one in part]
    ids, known = batch.input_ids[row].tolist(), set(words)
    if [one for one in ids if one in known] != words or not bool((batch.labels[row] != IGNORED).any()):
        return None
    learned = [(who, many, len(part)) for (who, part), many in zip(turns, _learned(batch, row, turns), strict=True)]
    example = f"ids {ids}, labels {batch.labels[row].tolist()}"
    for number, (who, many, size) in enumerate(learned):
        says = f"a conversation of several exchanges: {many} of {size} words of turn {number + 1} of {len(turns)}"
        if who == "assistant" and 0 < many < size:
            return Verdict(False, f"{says}, an answer, are learned", example=example)
        if who != "assistant" and many and masks:
            return Verdict(False, f"{says}, no answer, are learned, and first prompts are not", example=example)
    answers = [many for who, many, _ in learned if who == "assistant"]
    # many learn the last one alone
    if any(answers[:-1]) and not all(answers):
        return allowed("of a conversation of several exchanges some answers are learned, and others not")
    return None
