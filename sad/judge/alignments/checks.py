"""What is asked of an alignment: what it puts together is one text, in every script, and no id is matched by number."""

from __future__ import annotations

from collections.abc import Sequence

from sad import passage, tiny
from sad.align.reader import Reader
from sad.data import Readers
from sad.invariants.text_alignment import Read, judged_on, text_alignment
from sad.invariants.vocabulary import permuted
from sad.judge.alignments.call import Call
from sad.judge.alignments.overlap import SAYS, by_overlap
from sad.judge.target import said
from sad.pair import load_tokenizer
from sad.verdict import Standing, Verdict

LONG = 512
SENTENCE = "The whale had been seen again, north of the lighthouse."
SCRIPTS = "Früh, перед 夜明け 🐋 it was grey."
COMPOSED = (
    "the cafe\u0301 was naï\u0308ve, an A\u030angstro\u0308m of \ufb01ne \u1112\u1161\u11ab and \u0915\u094d\u0937"
)
"""Letters with marks behind them, a ligature, and syllables that are put together."""
PAIR = (320, 400)
"""Sizes of the vocabularies of two byte-level tokenizers."""


def can_be_called(call: Call) -> Verdict:
    """It pairs places of two readings of a sentence, the same every time."""
    readers = [tiny.reader(size) for size in PAIR]
    (first, mine, theirs), (again, *_) = (call(SENTENCE, *readers) for _ in range(2))
    if first.pairs != again.pairs:
        return Verdict(False, "the same text twice is paired otherwise")
    if not first.pairs:
        return Verdict(False, "returns no pair at all", example=repr(SENTENCE))
    says = f"{first.says}: {len(first.pairs)} for a sentence of {len(mine.ids)} and {len(theirs.ids)} tokens"
    return Verdict(True, says, {"pairs": len(first.pairs)})


def text(call: Call) -> Verdict:
    """What it pairs ends at the same byte: `sad.invariants.text_alignment`."""
    verdict = text_alignment(lambda readers, text, length: compared(call, readers, text, length))
    if verdict.holds:
        return composed(call) or verdict
    if _overlaps(call):
        return Verdict(True, f"{SAYS}; {verdict.says}", verdict.numbers, standing=Standing.ALLOWED)
    return Verdict(False, verdict.says, verdict.numbers, example=_smallest(call))


def _overlaps(call: Call) -> bool:
    return by_overlap(call, (SENTENCE, SCRIPTS), [tiny.reader(size) for size in PAIR])


def composed(call: Call) -> Verdict | None:
    """What is wrong with characters that are put together of several: who composes them has others."""
    # a tokenizer that has learned the text keeps letter and mark together, the other does not
    readers = Readers(tiny.reader(PAIR[1], text=COMPOSED), tiny.reader(PAIR[0]))
    try:
        verdict = judged_on(compared(call, readers, COMPOSED, LONG), readers, COMPOSED, LONG)
    except Exception as error:
        return Verdict(False, f"a text with combining marks: {said(error)}", example=repr(COMPOSED))
    if verdict.holds:
        return None
    return Verdict(False, f"a text with combining marks: {verdict.says}", verdict.numbers, example=repr(COMPOSED))


def text_kept(call: Call) -> Verdict:
    """Groups hold every token once, and both sides of a group spell the same bytes."""
    if _overlaps(call):
        return Verdict(True, SAYS, standing=Standing.NOT_APPLICABLE)
    for text in (SENTENCE, SCRIPTS):
        readers = [tiny.reader(size) for size in PAIR]
        found, mine, theirs = call(text, *readers)
        if found.groups is None:
            return Verdict(True, "it tells places, no groups", standing=Standing.NOT_APPLICABLE)
        for side, (place, reading) in {"student": (0, mine), "teacher": (1, theirs)}.items():
            held = [one for group in found.groups for one in group[place]]
            if sorted(held) != list(range(len(reading.ids))):
                lost = sorted(set(range(len(reading.ids))) - set(held))
                what = (
                    f"tokens {lost[:5]} of the {side} are in no group" if lost else f"a token of the {side} is in two"
                )
                return Verdict(False, what, {"lost": len(lost)}, example=repr(text))
        for left, right in found.groups:
            spelled = [_spelled(one, reading) for one, reading in ((left, mine), (right, theirs))]
            if spelled[0] != spelled[1]:
                says = f"a group spells {spelled[0]!r} for the student and {spelled[1]!r} for the teacher"
                return Verdict(False, says, example=repr(text))
    return Verdict(True, "every token is in one group, and both sides of each spell the same")


def ids_permuted(call: Call) -> Verdict:
    """With ids in another order, and the same tokens, every place is paired with itself."""
    same, (other, _) = tiny.tokenizer(300), permuted()
    readers = Readers(Reader(same), Reader(other))
    verdict = judged_on(compared(call, readers, SENTENCE, 512), readers, SENTENCE, 512)
    if not verdict.holds:
        return Verdict(False, f"ids in another order: {verdict.says}", verdict.numbers, example=repr(SENTENCE))
    return Verdict(True, "the same tokens under other ids are paired place by place")


def given_pair(call: Call) -> Verdict:
    """Of the two tokenizers that were named, its pairs of a passage and of several scripts end at the same byte."""
    if not call.code.tokenizers:
        return Verdict(True, "no --tokenizers were named", standing=Standing.NOT_APPLICABLE)
    teacher, student = (Reader(load_tokenizer(name)) for name in call.code.tokenizers)
    readers, pairs = Readers(student, teacher), 0.0
    for text in (passage.text(), tiny.TEXT.split("\n\n")[0]):
        verdict = judged_on(compared(call, readers, text, LONG), readers, text, LONG)
        if not verdict.holds:
            return verdict
        pairs += verdict.numbers["pairs"]
    return Verdict(True, f"all {pairs:.0f} pairs of {' and '.join(call.code.tokenizers)} end at the same byte")


def compared(call: Call, readers: Readers, text: str, length: int) -> list[Read]:
    """Align a text in pieces of at most so many tokens on either side; a word that has more is left out."""
    found = []
    for piece in _pieces(readers, text, length):
        aligned, mine, theirs = call(piece, readers.student, readers.teacher)
        found.append(Read(mine.ids, theirs.ids, aligned.pairs))
    return found


def _pieces(readers: Readers, text: str, length: int) -> list[str]:
    """A text cut before spaces, so that each piece fits for both."""

    def fits(piece: str) -> bool:
        both = (readers.student, readers.teacher)
        return max(len(one.tokenizer(piece, add_special_tokens=False)["input_ids"]) for one in both) <= length

    if fits(text):
        return [text]
    words = _words(text)
    pieces, current = [], ""
    for word in words:
        if current and not fits(current + word):
            pieces.append(current)
            current = ""
        current += word
        if not fits(current):
            current = ""
    return [one for one in [*pieces, current] if one.strip()]


def _words(text: str) -> list[str]:
    words, start = [], 0
    for at in range(1, len(text)):
        if text[at].isspace() and not text[at - 1].isspace():
            words.append(text[start:at])
            start = at
    return [*words, text[start:]]


def _spelled(places: Sequence[int], reading: object) -> bytes:
    from sad.judge.alignments.call import Reading

    assert isinstance(reading, Reading), "a side's reading"
    ends = reading.bytes
    whole = reading.text.encode()
    return b"".join(whole[ends[i][0] : ends[i][1]] for i in places)


def _smallest(call: Call) -> str:
    """The shortest word of several scripts whose pairs end at different bytes, in words."""
    readers = [tiny.reader(size) for size in PAIR]
    for word in sorted([*SENTENCE.split(), *SCRIPTS.split()], key=len):
        try:
            found, mine, theirs = call(word, *readers)
        except Exception:
            return f"{word!r}: raises"
        for s, t in found.pairs:
            if mine.bytes[s][1] != theirs.bytes[t][1]:
                ends = f"token {s} of the student ends at byte {mine.bytes[s][1]}, token {t} of the teacher at"
                return f"{word!r}: {ends} {theirs.bytes[t][1]}"
    return ""
