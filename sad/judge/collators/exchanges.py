"""Conversations of several exchanges: one exchange shows nothing of what is done with the second."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from sad.judge.collators.call import INSTRUCTIONS, TEMPLATES, Call
from sad.judge.collators.copies import allowed
from sad.judge.collators.letters import LONGEST
from sad.judge.collators.marker import INNER, MARKER
from sad.judge.collators.templates import MARKS, TEXTS
from sad.judge.collators.words import written
from sad.judge.judging import reached
from sad.subjects.text_loss import IGNORED, Collated, Text
from sad.verdict import Verdict

COUNTS = re.compile(r"len\([^\n]*\)[^\n]{0,12}[-+] *\d|\w*(len|idx|index|offset)\w* *[-+]=? *\d")
"""Where a source counts on what a tokenizer of its own puts round a text."""
Turns = list[tuple[str, tuple[int, ...]]]
"""Who speaks, and the words."""
PROMPTED = ("system", "user")


def _turns(*texts: Text) -> Turns:
    return [turn for text in texts for turn in (("user", text.prompt), ("assistant", text.completion))]


TALKS: tuple[tuple[Turns, ...], ...] = (
    (_turns(*TEXTS[:2]), _turns(*TEXTS[1:])),
    (_turns(*TEXTS[2:]), [("system", (25, 26, 27)), *_turns(*TEXTS[:2])]),
    (_turns(*TEXTS[1:3]), [("assistant", (28, 29)), *_turns(*TEXTS[:2])]),
)
"""Batches of conversations: of two and of three exchanges, one that begins with a system's turn, one with an answer."""


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
    other = call.other(own=True, longest=LONGEST, talks=marked, words=0)
    note = None
    for talks in TALKS:
        batch = _collated(other, talks, marked=marked)
        if batch is None or len(batch.input_ids) != len(talks):
            continue
        for row, turns in enumerate(talks):
            said = _said(batch, row, turns)
            if said and COUNTS.search(reached(call.code)):
                said = allowed(f"{said.says}: it counts tokens, which may be right for a tokenizer of its own")
            if said and not said.holds:
                return said
            note = note or said
    return note


def _collated(call: Call, talks: Sequence[Turns], *, marked: bool) -> Collated | None:
    given = [_marked(call, turns) if marked else _spoken(call, turns) for turns in talks]
    texts = [Text((), tuple(one for _, words in turns for one in words)) for turns in talks]
    try:
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


def _said(batch: Collated, row: int, turns: Turns) -> Verdict | None:
    """What is wrong with a row, or worth a look; None for nothing."""
    words = [one for _, part in turns for one in part]
    ids, labels = batch.input_ids[row].tolist(), [one for one in batch.labels[row].tolist() if one != IGNORED]
    known = set(words)
    if [one for one in ids if one in known] != words or not labels:
        return None
    learned = [(who, sum(one in labels for one in part), len(part)) for who, part in turns]
    prompts = [(who, many, size) for who, many, size in learned if who in PROMPTED]
    # of a row that begins with its first word nothing predicts that one
    first = next(many for who, many, _ in prompts if who == "user")
    example = f"ids {ids}, labels {batch.labels[row].tolist()}"
    for number, (who, many, size) in enumerate(learned):
        if who == "assistant" and 0 < many < size:
            says = f"{many} of {size} words of turn {number + 1} of {len(turns)}, an answer, are learned"
            return Verdict(False, f"a conversation of several exchanges: {says}", example=example)
        if who in PROMPTED and many and not first:
            says = f"{many} of {size} words of turn {number + 1} of {len(turns)}, no answer, are learned"
            return Verdict(
                False, f"a conversation of several exchanges: {says}, and the first prompt's not", example=example
            )
    answers = [many for who, many, _ in learned if who == "assistant"]
    if not all(answers):
        which = "the last answer is" if answers[-1] and not any(answers[:-1]) else "some answers are"
        return allowed(f"of a conversation of several exchanges {which} learned, and no other")
    return None
