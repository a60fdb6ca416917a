"""Every compared pair of positions, one of each model, ends at the same byte of the text.

## Property
An implementation reads a text in windows and compares the two models at pairs (student position, teacher position) of
a window. Both readings of a window spell the same stretch of the text. After both positions exactly the same bytes
have been read, and as many are left as is said, where that is said; and of the places where that is so, hardly any is
left out. So it is for whole texts and for windows of a few tokens, where a tokenizer puts a begin mark before what it
reads (either one, or both), where it changes the
text before it reads it, or what wraps it does, where it says of a space that it is no text, where it puts marks of its
own into a text, and where a word has more tokens than a window has room for: then that word is left out, and nothing
else. An end mark stands where the text ends, and nowhere else.

## Why it must hold
A model's state and its prediction are about the text that it has read. Compared at different places they teach the
student to continue another text, and no loss curve says so.

## Tolerance
None on the bytes. At least nine tenths of the common places of a window must be compared (not counted the last one,
from which nothing need be predicted) and of the text be read, but for words that fit into no window: comparing nothing
is not right either. The ends are counted here from the spelling of the tokens, not taken from the code under check.

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
from itertools import accumulate, pairwise
from typing import Any

from sad import passage, tiny
from sad.align.reader import Reader
from sad.data import Readers
from sad.verdict import Verdict

ID = "I11"


@dataclass(frozen=True, slots=True)
class Read:
    """A window: its token ids as each model sees them, marks included, without padding; the pairs (student position,
    teacher position) at which the models are compared on it.
    """

    student: Sequence[int]
    teacher: Sequence[int]
    pairs: Sequence[tuple[int, int]]
    bytes: int | None = None
    """Of the text after the first pair, where that is told: what its labels spell."""


Compare = Callable[[Readers, str, int], Sequence[Read]]
"""Reads a text with both tokenizers, in windows of at most so many tokens on either side, and compares the models."""

COVERED = 0.9
WHOLE, SHORT, SHORTEST = 512, 32, 14
"""Tokens of a window: more than any text here has; a few; fewer than a long word has bytes."""
LONG_WORDS = "we saw it go extraordinarily he ran to us extraordinarily as it was so"
"""Four short words fit into the shortest window together, by bytes, and the long one does not fit at all."""


EDGES = "\x80\u0800\U00010000"
"""The first characters that take two, three and four bytes."""


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


def judged_on(found: Sequence[Read], readers: Readers, text: str, length: int) -> Verdict:
    """Judge what was found of one text, in windows of at most so many tokens."""
    pairs, differ, faults = _judged(found, readers, text, length)
    return Verdict(
        not faults, "; ".join(faults) or f"all {pairs} pairs end at the same byte", {"pairs": pairs, "wrong": differ}
    )


def _texts() -> Iterator[tuple[str, Readers, str, int]]:
    scripts = tiny.TEXT.split("\n\n")[0]
    yield "168 and 160 tokens", passage.readers(), passage.text(), WHOLE
    yield f"the same, {SHORT} at a time", passage.readers(), passage.text(), SHORT
    yield "several scripts", Readers(tiny.reader(320), tiny.reader(400)), scripts, WHOLE
    for mine, theirs, whose in ((True, False, "the student"), (False, True, "the teacher"), (True, True, "both")):
        readers = Readers(tiny.reader(320, begins=mine), tiny.reader(400, begins=theirs))
        yield f"a begin mark for {whose}, {SHORT} tokens at a time", readers, scripts, SHORT
    # two spaces make one that stands alone
    yield "in lower case", Readers(_lower(320), _lower(400)), scripts.replace(", ", ",  ") + EDGES, WHOLE
    yield "one in lower case before its tokenizer is asked", Readers(_lower(320), _lowered(400)), scripts, SHORT
    yield "marks within the text", Readers(_marked(320, "s"), _marked(400, ",")), scripts, SHORT
    words, letters = tiny.reader(400, text=LONG_WORDS), tiny.reader(258)
    yield "words that fit into no window", Readers(words, letters), LONG_WORDS, SHORTEST
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
    """A reader that turns everything into lower case, so that its tokens do not spell the text that it was given, puts
    a mark before it, and trims the places that it tells: of a space alone nothing is left.
    """
    from tokenizers import Tokenizer, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    plain = tiny.tokenizer(vocabulary, begins=True).backend_tokenizer
    made = Tokenizer.from_str(plain.to_str())
    made.normalizer = normalizers.Lowercase()
    made.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), plain.post_processor])
    return Reader(PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", bos_token="<|begin|>"))


@cache
def _lowered(vocabulary: int) -> Reader:
    """The same, whose wrapper does it, of which the compiled tokenizer inside knows nothing."""
    from transformers import PreTrainedTokenizerFast

    class Lowered(PreTrainedTokenizerFast):  # type: ignore[misc]
        # an alignment may look up by the class what a tokenizer writes for a space
        __class__ = property(lambda _: PreTrainedTokenizerFast)

        def __call__(self, text: str | list[str], *given: Any, **more: Any) -> Any:  # noqa: ANN401 - as it is there
            return super().__call__(
                text.lower() if isinstance(text, str) else list(map(str.lower, text)), *given, **more
            )

        def tokenize(self, text: str, *given: Any, **more: Any) -> Any:  # noqa: ANN401
            return super().tokenize(text.lower(), *given, **more)

    made = tiny.tokenizer(vocabulary).backend_tokenizer
    return Reader(Lowered(tokenizer_object=made, eos_token="<|endoftext|>"))


@cache
def _marked(vocabulary: int, before: str) -> Reader:
    """A reader whose wrapper puts a mark before each token that is ``before``, at no place of the text: (0, 0)."""
    from transformers import PreTrainedTokenizerFast

    class Marked(PreTrainedTokenizerFast):  # type: ignore[misc]
        # an alignment may look up by the class what a tokenizer writes for a space
        __class__ = property(lambda _: PreTrainedTokenizerFast)

        def __call__(self, text: str | list[str], *given: Any, **more: Any) -> Any:  # noqa: ANN401 - as it is there
            asked = {**more, "return_offsets_mapping": True}
            found = super().__call__([text] if isinstance(text, str) else text, *given, **asked)
            mark, at = (self.pad_token_id, (0, 0)), self.convert_tokens_to_ids(before)
            rows = [
                [one for pair in zip(*row, strict=True) for one in ([mark] if pair[0] == at else []) + [pair]]
                for row in zip(found["input_ids"], found["offset_mapping"], strict=True)
            ]
            ids, spans = ([[pair[side] for pair in row] for row in rows] for side in (0, 1))
            one = isinstance(text, str)
            return {"input_ids": ids[0] if one else ids, "offset_mapping": spans[0] if one else spans}

    made = tiny.tokenizer(vocabulary).backend_tokenizer
    return Reader(Marked(tokenizer_object=made, eos_token="<|endoftext|>", pad_token="<|pad|>"))


def _judged(found: Sequence[Read], readers: Readers, text: str, length: int) -> tuple[int, int, list[str]]:
    """How many pairs there are, how many of them are wrong, and what is wrong with them, the worst first."""
    whole = "".join(map(_bytes, readers.student.tokenizer.tokenize(text)))
    # some tokenizers put a space before a text
    letters = {0, *accumulate((len(c.encode()) for c in text), initial=len(whole) - len(text.encode()))}
    pairs, differ, windows = 0, 0, set[str]()
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
        windows.add(mine)
        if read.bytes is not None and read.pairs and read.bytes != len(mine) - _at(left, read.pairs[0][0], -1):
            other = (
                other
                or f"a window has {len(mine) - _at(left, read.pairs[0][0], -1)} bytes, and is said to have {read.bytes}"
            )
        if mine != theirs or start < 0:
            other = other or "a window holds one text for the student and another for the teacher"
        elif END in (student[-1], teacher[-1]) and not whole.endswith(mine):
            other = other or "an end mark stands where the text goes on"
        elif max(len(read.student), len(read.teacher)) > length:
            other = other or f"a window has {max(len(read.student), len(read.teacher))} tokens"
    faults = [f"{differ / pairs:.0%} of {pairs} pairs end at different bytes"] if differ else []
    faults += [other] if other else []
    faults += [sparse] if sparse else []
    # whoever compares several things may tell of a window several times
    spelled, fits = sum(map(len, windows)), len(whole) - _too_long(readers, text, length)
    if spelled < COVERED * fits:
        faults.append(f"reads {spelled} of {fits} bytes")
    return pairs, differ, faults


def _too_long(readers: Readers, text: str, length: int) -> int:
    """Bytes of what lies between two common places and has more tokens than a window can hold beside its marks."""
    ends = []
    for reader in (readers.student, readers.teacher):
        spelled = accumulate(len(_bytes(token)) for token in reader.tokenizer.tokenize(text))
        ends.append({end: place for place, end in enumerate(spelled, 1)} | {0: 0})
    both = sorted(ends[0].keys() & ends[1].keys())
    return sum(b - a for a, b in pairwise(both) if max(of[b] - of[a] for of in ends) > length - 2)


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
