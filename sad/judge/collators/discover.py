"""Finds out in which form a collator takes its texts: the first in which a batch holds them and no prompt's label."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sad.errors import UserError
from sad.invariants.target_alignment import EOS, PAD, TEXTS
from sad.judge.collators.batch import OtherBatchError, Read, WrongBatchError
from sad.judge.collators.call import Call, OwnWordsError
from sad.judge.collators.features import DICT, EVERYTHING, LENGTHS, MESSAGES, STRINGS, Features, fitting, of_prompts
from sad.judge.collators.marker import MARKER
from sad.judge.collators.parameters import TEMPLATES
from sad.judge.collators.prepares import Takes, ways
from sad.judge.collators.templates import templated
from sad.judge.collators.textbook import masks_prompts, outside, places
from sad.judge.judging import Code, file_of, source
from sad.judge.raising import CannotRunError, guesses, raised
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.text_loss import IGNORED, Collated, Marks

MARKS = Marks(EOS, PAD)
ENCODES = re.compile(
    r"\.(encode|convert_tokens_to_ids)\(\s*(self\.)?(\w*(template|key|marker|header|response|assistant)|[A-Z_]{4,}|f?['\"])",
    re.IGNORECASE,
)
"""Where a source looks for a template that it encodes itself."""

SOUGHT = re.compile(r"['\"](<\|\w+\|>|\[/?INST\]|### ?\w+)")
"""A mark of a chat template that a source looks for."""
PREFERENCES = re.compile(r"chosen|rejected|endswith\(\s*['\"]_input_ids")
"""Where a source speaks of pairs of answers, or of ids under names that end so."""
UNMARKED = re.compile(r"^\S+ is not in list$")
"""What a list raises that is asked for the place of something that it has not."""
LACKING = re.compile(r"^\w*Tokenizer\w* has no attribute '?(\w+)")
"""What transformers raises where a tokenizer is asked for something of another."""


class _Tried(NamedTuple):
    """A form that runs: whether all texts are in the batch, whether no prompt has a label."""

    call: Call
    read: Read
    whole: bool
    masked: bool


def discover(code: Code) -> Call:
    """Return how a collator is called. Raises ``CannotRunError`` where it raises however it is called, UserError where
    it cannot be told what it takes.
    """
    if code.adapter is not None:
        Call(code)(TEXTS, MARKS)
        return Call(code)
    if not isinstance(code.target, type) and getattr(code.target, "mlm", False) is True:
        raise UserError(
            "it masks tokens at random (mlm is True): that is no collator of a causal language model; give it mlm=False"
        )
    best, failed = _best(code)
    best = _measured(best, source(code))
    missing = _missing(best, source(code))
    if best is not None and not missing:
        return _ended(best)
    if (own := _templated(code)) is not None:
        return own
    if missing:
        raise NeedsAdapterError(f"it looks for {missing} in its texts, which no text here has")
    if not any(isinstance(error, WrongBatchError) for _, error in failed) and (why := _one_length(code)):
        raise why
    raise _refused(failed, source(code))


def _best(code: Code) -> tuple[_Tried | None, list[tuple[str, Exception | SystemExit]]]:
    """Return the call in which most is told, None where none runs, and what the others raised."""
    best: _Tried | None = None
    failed: list[tuple[str, Exception | SystemExit]] = []
    for call in _calls(code):
        try:
            found = _begun(call)
        except (Exception, SystemExit) as error:
            if isinstance(error, NeedsAdapterError) and not isinstance(error, OtherBatchError | OwnWordsError):
                raise
            failed.append((call.form.says, error))
            continue
        if not found.whole and (other := _appending(call)) is not None:
            found = other
        if found.whole and found.masked:
            best = found
            break
        if best is None or (found.whole, found.masked) > (best.whole, best.masked):
            best = found
    return best, failed


def _measured(best: _Tried | None, text: str) -> _Tried | None:
    """Return the call with lengths of prompts, where answers have a label only so.

    Raises UserError where that would put labels on prompts: then it is not told what its length is of.
    """
    name = next((one for one in LENGTHS if re.search(rf"['\"]{one}['\"]", text)), "")
    if best is None or not name or not best.call.form.says.startswith(EVERYTHING):
        return best
    try:
        other = _begun(replace(best.call, form=of_prompts(best.call.form)))
    except (Exception, SystemExit):
        return best
    if _learned(other) <= _learned(best):
        return best
    if other.whole and other.masked:
        return other
    raise NeedsAdapterError(f"whether {name} is the length of a text or of its prompt cannot be told from the name")


def _learned(found: _Tried) -> int:
    return int((found.read.batch.labels != IGNORED).sum())


def _calls(code: Code) -> Iterator[Call]:
    """Every way to call it, what is meant first; a template before completions once as a string, once in ids; one of
    its own, which it encodes, as one word or as a few.
    """
    text = source(code)
    for call in [Call(code, form, way=way) for way in _ways(code) for form in _forms(code, way, text)]:
        if ENCODES.search(text) and not call.takes(TEMPLATES):
            yield from (call.other(words=words) for words in (1, 2, 3))
        yield call
        if call.takes(TEMPLATES):
            yield call.other(template=(MARKER,))


def _missing(best: _Tried | None, text: str) -> str:
    """Return the mark that a source looks for where no text got a label, '' otherwise; a text that is there whole and
    has none is told as that.
    """
    if best is None or bool((best.read.batch.labels != IGNORED).any()):
        return ""
    sought = SOUGHT.search(text)
    return sought[1] if sought else "" if best.whole else "marks of a template of its own"


def _templated(code: Code) -> Call | None:
    text = file_of(code)
    return templated(code, [(way, _forms(code, way, text)) for way in _ways(code)])


def _names(code: Code) -> list[str]:
    try:
        return list(inspect.signature(code.target).parameters)
    except (TypeError, ValueError):
        return []


def _ways(code: Code) -> tuple[Takes, ...]:
    return ways(code.target, _names(code))


def _forms(code: Code, way: Takes, text: str) -> tuple[Features, ...]:
    if way in (Takes.PAIR, Takes.PAIRS):
        return (STRINGS,)
    if way is Takes.ONE and any(name in ("messages", "conversation") for name in _names(code)):
        return (MESSAGES, *fitting(text))
    return fitting(text)


def _begun(call: Call) -> _Tried:
    """Try a call; with a begin mark, where words that no text has may be one."""
    try:
        return _tried(call)
    except OwnWordsError:
        found = _tried(call.other(begins=True))
        if not found.whole and (other := _appending(found.call)) is not None:
            found = other
        if not found.whole:
            raise
        return found


def _tried(call: Call) -> _Tried:
    with warnings.catch_warnings():
        # a form that is not meant may be deprecated besides
        warnings.simplefilter("ignore")
        read = call(TEXTS, MARKS)
    whole = all(place is not None for place in places(read.batch, TEXTS))
    return _Tried(call, read, whole, masks_prompts(read.batch, TEXTS))


def _ended(found: _Tried) -> Call:
    """The call, with texts that lack their end mark where the collator puts a second one behind them."""
    batch = found.read.batch
    if bool(((batch.labels == PAD).sum(dim=1) == 1).all()) and len(batch.labels) == len(TEXTS):
        # one padding mark behind each text is learned: it is the end mark
        single = _one_mark(found.call)
        if single is not None:
            return single.call
    other = _appending(found.call) if _ends_added(batch) else None
    return found.call if other is None else other.call


def _ends_added(batch: Collated) -> bool:
    """Whether an end mark behind a text, which is not one of its tokens, is learned."""
    if not batch.shifted:
        return any(int(batch.labels[at]) == EOS for at in outside(batch, TEXTS))
    pairs = zip(places(batch, TEXTS), TEXTS, strict=True)
    return any(
        place is not None and int(batch.labels[place.row, place.start + len(text.ids) - 1]) == EOS
        for place, text in pairs
    )


def _appending(call: Call) -> _Tried | None:
    try:
        found = _tried(call.other(appends=True))
    except (Exception, SystemExit):
        return None
    return found if found.whole else None


def _one_mark(call: Call) -> _Tried | None:
    """The call with the end mark for its padding mark, if texts that end once are whole then."""
    try:
        found = _tried(call.other(appends=True, one_mark=True))
    except (Exception, SystemExit):
        return None
    there = zip(places(found.read.batch, TEXTS), TEXTS, strict=True)
    return found if all(place is not None or text.ids.count(EOS) > 1 for place, text in there) else None


def _one_length(code: Code) -> UserError | None:
    """Whether it stacks texts of one length, and raises on others: for texts that were cut to blocks that is right."""
    try:
        _tried(Call(code))
    except Exception as error:
        says = raised(error)
    try:
        Call(code)(TEXTS[1:2], MARKS)
    except Exception:
        return None
    return UserError(
        f"it collates texts of one length only (of unequal ones it {says}): it cuts and pads nothing; judge what does"
    )


def _refused(failed: list[tuple[str, Exception | SystemExit]], text: str) -> Exception:
    """Why no form of features runs: what it returned, else the first error on a dict; or that it asks for another."""
    dicts = [(says, error) for says, error in failed if says.startswith(DICT)]
    if own := next((error for _, error in failed if isinstance(error, OwnWordsError)), None):
        return own
    lacks = next((found for _, error in failed if (found := LACKING.search(str(error)))), None)
    if lacks is not None:
        return NeedsAdapterError(f"it asks its tokenizer for {lacks[1]}, which most have not")
    wrong = next((str(error) for _, error in dicts if isinstance(error, WrongBatchError)), "")
    kind = next((error for _, error in dicts if isinstance(error, OtherBatchError)), None)
    asked = dict.fromkeys(str(error.args[0]) for _, error in dicts if isinstance(error, KeyError) and error.args)
    if wrong and PREFERENCES.search(text):
        return NeedsAdapterError("it collates preferences, or ids under names of their own")
    if wrong:
        return CannotRunError(wrong)
    if kind is not None:
        return kind
    if asked:
        names = ", ".join(map(repr, list(asked)[:4]))
        return NeedsAdapterError(f"it asks its features for {names}: none of the forms that are known has all it asks")
    if any(isinstance(error, ValueError) and UNMARKED.search(str(error)) for _, error in dicts):
        return NeedsAdapterError("it looks for a mark in its ids that no text here has")
    # what raises at a list alone was meant for tensors
    plain = [one for one in dicts if "'list' object" not in str(one[1])]
    other = next(iter([*plain, *dicts]), failed[0])
    says = f"{raised(other[1])}, given {other[0]}; no other form of features runs either"
    return NeedsAdapterError(f"it {says}: a guess in part") if guesses(other[1]) else CannotRunError(says)
