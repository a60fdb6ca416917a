"""Every compared pair of positions, one of each model, ends at the same byte of the text.

## Property
An implementation compares the two models at pairs (student position, teacher position) of one text. After both
positions exactly the same bytes have been read; and of the places where that is so, hardly any is left out.

## Why it must hold
A model's state and its prediction are about the text that it has read. Compared at different places they teach the
student to continue another text, and no loss curve says so.

## Tolerance
None on the bytes. At least nine tenths of the common places must be compared: comparing nothing is not right either.
The ends are counted here from the spelling of byte-level tokens, not taken from the code under check.

## What breaks it
Positions paired by number, with or without a cut to the shorter reading; interpolation; padding on different sides.
One tokenizer for both models, or English only, hides nearly all of it: the texts here are a passage that two real
tokenizers cut into 168 and 160 tokens, and one in several scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from sad import passage, tiny
from sad.align.reader import Reader
from sad.case import Verdict
from sad.data import Readers

ID = "I11"

Compare = Callable[[Readers, str], Sequence[tuple[int, int]]]
"""Reads a text with both tokenizers, compares the models on it, returns the pairs of positions it compared."""

COVERED = 0.9


def text_alignment(compare: Compare) -> Verdict:
    """Judge on the passage, on several scripts, and with one tokenizer for both models."""
    total, wrong, faults = 0, 0, []
    for name, readers, text in _texts():
        try:
            pairs = list(compare(readers, text))
        except Exception as error:
            # whatever it raises is what the user would see
            return Verdict(False, (str(error) or type(error).__name__).splitlines()[0], {"raised": 1})
        student, teacher = _ends(readers.student, text), _ends(readers.teacher, text)
        differ = sum(student.get(s, -1) != teacher.get(t, -2) for s, t in pairs)
        common = len(set(student.values()) & set(teacher.values()))
        if differ:
            faults.append(f"{differ / len(pairs):.0%} of {len(pairs)} pairs end at different bytes ({name})")
        elif len(set(pairs)) < COVERED * common:
            faults.append(f"compares {len(set(pairs))} of {common} common places ({name})")
        total, wrong = total + len(pairs), wrong + differ
    says = ", ".join(faults) or f"all {total} pairs end at the same byte"
    return Verdict(not faults, says, {"pairs": total, "wrong": wrong})


def _texts() -> Iterator[tuple[str, Readers, str]]:
    scripts = tiny.TEXT.split("\n\n")[0]
    yield "168 and 160 tokens", passage.readers(), passage.text()
    yield "several scripts", Readers(tiny.reader(320), tiny.reader(400)), scripts
    yield "one tokenizer", Readers(tiny.reader(320), tiny.reader(320)), scripts


def _ends(reader: Reader, text: str) -> dict[int, int]:
    """The byte at which each position ends; a byte-level token is spelled with one character a byte."""
    return dict(enumerate(accumulate(len(token) for token in reader.tokenizer.tokenize(text))))
