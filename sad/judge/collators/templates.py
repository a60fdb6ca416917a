"""Finds out how a collator is called that puts words of its own round its texts: by the words of the texts in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

from sad.invariants.target_alignment import EOS, PAD
from sad.judge.collators.asked import ASKED
from sad.judge.collators.call import Call
from sad.judge.collators.features import Features
from sad.judge.collators.letters import BEGINS, LONGEST
from sad.judge.collators.prepares import Takes
from sad.judge.judging import Code
from sad.subjects.text_loss import IGNORED, Collated, Marks, Text

TEXTS = (
    Text((2, 3, 4), (5, 6, 7)),
    Text((8,), (9, 10, 11, 12, 13, 14)),
    Text((15, 16, 17, 18, 19), (20, 21)),
    Text((22, 23), (24,)),
)
"""No word is in two of them, so that each is told from a template and from the others; none has an end mark."""
WORDS = {one for text in TEXTS for one in text.ids}
MARKS = Marks(EOS, PAD)


@dataclass(frozen=True, slots=True)
class Learned:
    """How many words of a prompt, and of its completion, have labels in a row; how many labels the row has."""

    prompt: int
    completion: int
    every: int


def templated(code: Code, ways: Sequence[tuple[Takes, Sequence[Features]]]) -> Call | None:
    """Return how it is called so that the words of all texts are in the batch, each text's in a row of its own; the
    first call that learns answers whole, else the first with a label. None where there is none.
    """
    for forms in (ways, [(way, (ASKED,)) for way, _ in ways]):
        first: Call | None = None
        for call in _calls(code, forms):
            batch = _tried(call)
            if batch is None or not holds(batch, TEXTS) or _twice(batch):
                continue
            if all(clear(learned(batch, row, text), text) for row, text in enumerate(TEXTS)):
                return call
            if bool((batch.labels != IGNORED).any()):
                first = first or call
        if first is not None:
            return first
    return None


def _calls(code: Code, ways: Sequence[tuple[Takes, Sequence[Features]]]) -> Iterator[Call]:
    for begins in (False, True):
        for way, forms in ways:
            for form in forms:
                yield Call(code, form, way=way, longest=LONGEST, own=True, begins=begins)


def _tried(call: Call) -> Collated | None:
    try:
        # what a form that is not meant prints tells nothing
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            return call(TEXTS, MARKS).batch
    except (Exception, SystemExit):
        return None


def _twice(batch: Collated) -> bool:
    """Whether a begin mark stands before a part of a text: code that joins parts so is not for such a tokenizer."""
    return int((batch.input_ids == BEGINS).sum(dim=1).max()) > 1


def holds(batch: Collated, texts: Sequence[Text]) -> bool:
    """Whether each row has the words of its text, in their order, and none of another."""
    rows = [[one for one in row if one in WORDS] for row in batch.input_ids.tolist()]
    return len(rows) == len(texts) and all(map(_in, rows, texts))


def _in(row: list[int], text: Text) -> bool:
    ids = list(text.ids)
    there = any(row[at : at + len(ids)] == ids for at in range(len(row) - len(ids) + 1))
    return there and set(row) == set(ids)


def learned(batch: Collated, row: int, text: Text) -> Learned:
    """Return what is learned of a text: labels are looked for by word, wherever they stand."""
    labels = [one for one in batch.labels[row].tolist() if one != IGNORED]
    prompt, completion = (sum(one in labels for one in part) for part in (text.prompt, text.completion))
    return Learned(prompt, completion, len(labels))


def clear(found: Learned, text: Text) -> bool:
    """Whether a completion is learned whole, and its prompt whole or not at all.

    Of a text that begins with its prompt's first word nothing predicts that one.
    """
    whole = found.completion == len(text.completion)
    return whole and found.prompt in (0, len(text.prompt) - 1, len(text.prompt))
