"""Calls someone's alignment on two readings of a text: what each parameter is, and whose, is told by its name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

from sad.align.reader import Reader
from sad.judge.alignments.pairs import Aligned, aligned
from sad.judge.judging import Code
from sad.judge.names import tokens
from sad.judge.stand_in import NeedsAdapterError, untold

MINE = {"student", "s", "stu", "src", "source", "draft", "a", "1", "left", "first", "x", "orig", "old"}
THEIRS = {"teacher", "t", "tea", "tgt", "target", "b", "2", "right", "second", "y", "new"}
CONFIGS = {"config", "cfg", "args", "settings"}


class Switches:
    """Settings of a class that an alignment is a method of: numbers are 1, switches are off."""

    def __getattr__(self, name: str) -> float | bool:
        if name.startswith("__"):
            raise AttributeError(name)
        return False if {"use", "skip", "is", "do"} & set(tokens(name)) else 1.0


class Part(StrEnum):
    """What a parameter is of a side's reading."""

    TEXT = "the text"
    TOKENIZER = "tokenizer"
    IDS = "ids"
    TOKENS = "tokens as the tokenizer spells them"
    OFFSETS = "offsets in characters"
    BYTES = "offsets in bytes"


WORDS: dict[Part, set[str]] = {
    Part.TOKENIZER: {"tokenizer", "tok", "tokenizers"},
    Part.BYTES: {"byte", "bytes"},
    Part.OFFSETS: {"offsets", "offset", "spans", "mapping", "ends"},
    Part.IDS: {"ids", "id"},
    Part.TOKENS: {"tokens", "toks", "pieces", "strings", "words"},
    Part.TEXT: {"text", "string", "sentence", "texts"},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A tokenizer's reading of a text, without marks: ids, tokens, offsets (begin, end) in characters and in bytes."""

    tokenizer: Any
    text: str
    ids: list[int]
    tokens: list[str]
    offsets: list[tuple[int, int]]
    bytes: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Given:
    """What an adapter gets: a text, and both tokenizers' readings of it."""

    text: str
    student: Reading
    teacher: Reading


@dataclass(frozen=True, slots=True)
class Call:
    """An alignment. ``bytewise`` is whether offsets are given in bytes, ``swapped`` whether the teacher comes first."""

    code: Code
    bytewise: bool = False

    def __call__(self, text: str, student: Reader, teacher: Reader) -> tuple[Aligned, Reading, Reading]:
        """Align a text. Raises whatever the code raises, and ``WrongPairsError`` where it returns none."""
        mine, theirs = read(text, student), read(text, teacher)
        found = self._returned(Given(text, mine, theirs))
        return aligned(found, len(mine.ids), len(theirs.ids)), mine, theirs

    def other(self, *, bytewise: bool) -> Call:
        """Return the same, with offsets in another unit."""
        return replace(self, bytewise=bytewise)

    def roles(self) -> dict[str, tuple[Part, str]]:
        """Return what each parameter is, and whose ('' for the text). Raises UserError where names do not tell."""
        found: dict[str, tuple[Part, str]] = {}
        for parameter in self._parameters():
            part, side = _part(parameter.name), _side(parameter.name)
            if part is None and parameter.default is not parameter.empty:
                continue
            if part is None:
                raise untold(parameter.name)
            if part is Part.TEXT and not side:
                found[parameter.name] = part, ""
                continue
            taken = {whose for known, whose in found.values() if known is part}
            found[parameter.name] = part, side or ("teacher" if "student" in taken else "student")
        if not any(whose for _, whose in found.values()) and not self._made_with_tokenizers():
            raise NeedsAdapterError("it takes nothing of two tokenizers")
        return found

    def _made_with_tokenizers(self) -> bool:
        of = self.code.target if isinstance(self.code.target, type) else self.code.owner
        return of is not None and any(_part(name) is Part.TOKENIZER for name in inspect.signature(of).parameters)

    def _returned(self, given: Given) -> Any:  # noqa: ANN401
        if self.code.adapter is not None:
            return self._adapted(given)
        roles = self.roles()
        values = {name: self._value(part, whose, given) for name, (part, whose) in roles.items()}
        target: Any = self.code.target
        if isinstance(target, type) or (self.code.owner is not None and _first(target) == "self"):
            of = target if isinstance(target, type) else self.code.owner
            assert of is not None, "a method has a class"
            made = of(**self._built(of, given))
            target = made if isinstance(target, type) else target.__get__(made)
        return target(**values)

    def _built(self, of: type, given: Given) -> dict[str, Any]:
        made = inspect.getattr_static(of, "__init__")
        every = [] if made is object.__init__ else list(inspect.signature(made).parameters.values())[1:]
        values: dict[str, Any] = {}
        for parameter in every:
            if _part(parameter.name) is Part.TOKENIZER:
                whose = _side(parameter.name) or ("teacher" if values else "student")
                values[parameter.name] = getattr(given, whose).tokenizer
            elif parameter.name.lower() in CONFIGS:
                values[parameter.name] = Switches()
            elif parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                raise untold(parameter.name, of=of.__name__)
        return values

    def _value(self, part: Part, whose: str, given: Given) -> Any:  # noqa: ANN401
        if not whose:
            return given.text
        side: Reading = getattr(given, whose)
        offsets = side.bytes if self.bytewise else side.offsets
        values: Mapping[Part, Any] = {
            Part.TOKENIZER: side.tokenizer,
            Part.IDS: side.ids,
            Part.TOKENS: side.tokens,
            Part.OFFSETS: offsets,
            Part.BYTES: side.bytes,
            Part.TEXT: side.text,
        }
        found = values[part]
        return list(found) if isinstance(found, list) else found

    def _adapted(self, given: Given) -> Any:  # noqa: ANN401
        function = self.code.adapter
        assert function is not None, "called with an adapter"
        if len(inspect.signature(function).parameters) < 2:
            return function(given)
        if self.code.target is None:
            raise NeedsAdapterError("the adapter's align(given, target) needs --alignment")
        return function(given, self.code.target)

    def _parameters(self) -> list[inspect.Parameter]:
        target: Any = self.code.target
        if isinstance(target, type):
            target = vars(target).get("align") or vars(target).get("__call__")
            if target is None:
                raise NeedsAdapterError("its objects are not called: name a method, as in Class.method")
        try:
            every = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
        return every[1:] if every and every[0].name == "self" else every


def read(text: str, reader: Reader) -> Reading:
    """Read a text as its tokenizer does, without marks."""
    made = reader.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = list(made["input_ids"])
    ends = list(accumulate((len(reader.bytes[i] or b"") for i in ids), initial=0))
    spans = list(pairwise(ends))
    offsets = [(int(a), int(b)) for a, b in made["offset_mapping"]]
    return Reading(reader.tokenizer, text, ids, reader.tokenizer.convert_ids_to_tokens(ids), offsets, spans)


def _words(name: str) -> list[str]:
    """The words of a name; a digit at its end is one: offsets1, offsets2."""
    return [word for part in tokens(name) for word in re.findall(r"\d+|\D+", part)]


def _part(name: str) -> Part | None:
    words = set(_words(name))
    return next((part for part, own in WORDS.items() if words & own), None)


def _side(name: str) -> str:
    words: Sequence[str] = _words(name)
    mine, theirs = any(word in MINE for word in words), any(word in THEIRS for word in words)
    if mine == theirs:
        return ""
    return "student" if mine else "teacher"


def _first(target: Any) -> str:  # noqa: ANN401
    return next(iter(inspect.signature(target).parameters), "")
