"""Every compared pair of positions, one of each model, ends at the same byte of the text.

## Property
An implementation reads a text in windows and compares the two models at pairs (student position, teacher position) of
a window. Both readings of a window spell the same stretch of the text. After both positions exactly the same bytes
have been read; and of the places where that is so, hardly any is left out. So it is for whole texts and for windows
of a few tokens, where a tokenizer puts a begin mark before what it reads (either one, or both), and where it changes
the text before it reads it. An end mark stands where the text ends, and nowhere else.

## Why it must hold
A model's state and its prediction are about the text that it has read. Compared at different places they teach the
student to continue another text, and no loss curve says so.

## Tolerance
None on the bytes. At least nine tenths of the common places of a window must be compared (not counted the last one,
from which nothing need be predicted) and of the text be read: comparing nothing is not right either. The ends are
counted here from the spelling of the tokens, not taken from the code under check.

## What breaks it
Positions paired by number, with or without a cut to the shorter reading; interpolation; padding on different sides;
marks of one model that shift its positions; windows cut by number of tokens. One tokenizer for both models, English
only, one window or no marks hide it: the texts here are a passage that two real tokenizers cut into 168 and 160
tokens, and one in several scripts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from sad import passage, tiny
from sad.align.reader import Reader
from sad.case import Verdict
from sad.data import Readers

ID = "I11"


@dataclass(frozen=True, slots=True)
class Read:
    """A window: its token ids as each model sees them, marks included, without padding; the pairs (student position,
    teacher position) at which the models are compared on it.
    """

    student: Sequence[int]
    teacher: Sequence[int]
    pairs: Sequence[tuple[int, int]]


Compare = Callable[[Readers, str, int], Sequence[Read]]
"""Reads a text with both tokenizers, in windows of at most so many tokens on either side, and compares the models."""

COVERED = 0.9
WHOLE, SHORT = 512, 32
"""Tokens of a window: more than any text here has; a few."""


def text_alignment(compare: Compare) -> Verdict:
    """Judge on the passage, on several scripts, with begin marks, and with one tokenizer for both models."""
    total, wrong, faults = 0, 0, []
    for name, readers, text, length in _texts():
        try:
            found = list(compare(readers, text, length))
        except Exception as error:
            # whatever it raises is what the user would see
            return Verdict(False, (str(error) or type(error).__name__).splitlines()[0], {"raised": 1})
        pairs, differ, said = _judged(found, readers, text, length)
        faults += [f"{fault} ({name})" for fault in said[:1]]
        total, wrong = total + pairs, wrong + differ
    says = ", ".join(faults) or f"all {total} pairs end at the same byte"
    return Verdict(not faults, says, {"pairs": total, "wrong": wrong})


def _texts() -> Iterator[tuple[str, Readers, str, int]]:
    scripts = tiny.TEXT.split("\n\n")[0]
    yield "168 and 160 tokens", passage.readers(), passage.text(), WHOLE
    yield f"the same, {SHORT} at a time", passage.readers(), passage.text(), SHORT
    yield "several scripts", Readers(tiny.reader(320), tiny.reader(400)), scripts, WHOLE
    for mine, theirs, whose in ((True, False, "the student"), (False, True, "the teacher"), (True, True, "both")):
        readers = Readers(tiny.reader(320, begins=mine), tiny.reader(400, begins=theirs))
        yield f"a begin mark for {whose}, {SHORT} tokens at a time", readers, scripts, SHORT
    yield "in lower case", Readers(_lower(320), _lower(400)), scripts, SHORT
    yield (
        "pieces with a fallback to bytes",
        Readers(*(Reader(tiny.pieces(size)) for size in (360, 420))),
        scripts,
        SHORT,
    )
    yield "one tokenizer", Readers(tiny.reader(320), tiny.reader(320)), scripts, WHOLE
    yield "one tokenizer with a begin mark", Readers(*[tiny.reader(320, begins=True)] * 2), scripts, SHORT


@cache
def _lower(vocabulary: int) -> Reader:
    """A reader that turns everything into lower case: its tokens do not spell the text that it was given."""
    from tokenizers import Tokenizer, normalizers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer.from_str(tiny.tokenizer(vocabulary).backend_tokenizer.to_str())
    made.normalizer = normalizers.Lowercase()
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>"))


def _judged(found: Sequence[Read], readers: Readers, text: str, length: int) -> tuple[int, int, list[str]]:
    """How many pairs there are, how many of them are wrong, and what is wrong with them, the worst first."""
    whole = "".join(map(_bytes, readers.student.tokenizer.tokenize(text)))
    # some tokenizers put a space before a text
    letters = {0, *accumulate((len(c.encode()) for c in text), initial=len(whole) - len(text.encode()))}
    pairs = differ = spelled = 0
    other = sparse = ""
    for read in found:
        student, teacher = _spelled(readers.student, read.student), _spelled(readers.teacher, read.teacher)
        left, right = ([*accumulate(map(len, tokens))] for tokens in (student, teacher))
        pairs += len(read.pairs)
        differ += sum(_at(left, s, -1) != _at(right, t, -2) for s, t in read.pairs)
        mine, theirs = ("".join(tokens).removesuffix(END) for tokens in (student, teacher))
        start = whole.find(mine)
        # inside a character a reader may not know where it is
        common, compared = len({e for e in set(left) & set(right) if start + e in letters}) - 1, len(set(read.pairs))
        if compared < int(COVERED * common) or not compared:
            sparse = sparse or f"compares {compared} of {common} common places"
        spelled += len(mine)
        if mine != theirs or start < 0:
            other = other or "a window holds one text for the student and another for the teacher"
        elif END in (student[-1], teacher[-1]) and not whole.endswith(mine):
            other = other or "an end mark stands where the text goes on"
        elif max(len(read.student), len(read.teacher)) > length:
            other = other or f"a window has {max(len(read.student), len(read.teacher))} tokens"
    faults = [f"{differ / pairs:.0%} of {pairs} pairs end at different bytes"] if differ else []
    faults += [other] if other else []
    faults += [sparse] if sparse else []
    if spelled < COVERED * len(whole):
        faults.append(f"reads {spelled} of {len(whole)} bytes")
    return pairs, differ, faults


FALLBACK = re.compile("<0x([0-9A-F]{2})>")
END = "\0"
"""How the end mark is spelled here, so that after it more has been read than before it. The begin mark is nothing."""


def _spelled(reader: Reader, ids: Sequence[int]) -> list[str]:
    """What each token stands for, one character a byte."""
    marks = set(reader.tokenizer.all_special_ids)
    tokens = ["" if i in marks else _bytes(reader.tokenizer.convert_ids_to_tokens(int(i))) for i in ids]
    return [*tokens[:-1], END] if len(ids) and ids[-1] in marks else tokens


def _bytes(token: str) -> str:
    """What a token stands for, one character a byte, from how it is spelled: of byte-level BPE that is so already."""
    return FALLBACK.sub(lambda found: chr(int(found[1], 16)), token).replace(tiny.SPACE, " ")


def _at(ends: Sequence[int], position: int, otherwise: int) -> int:
    return ends[position] if 0 <= position < len(ends) else otherwise
