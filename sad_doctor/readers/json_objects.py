"""Follows one file of JSON objects, a line each."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sad_doctor import words
from sad_doctor.readers.tail import Lines, Pace, Tail

Row = Mapping[str, Any]

_decode = json.JSONDecoder().decode


def _patient(line: bytes) -> object:
    return _decode(line.decode())


quick: Callable[[bytes], object]
try:
    from orjson import loads as quick
except ImportError:  # the doctor works without it, in three times the time on a large file
    quick = _patient

_TOKENS = [before + token for before in (b": ", b":") for token in (b"NaN", b"Infinity", b"-Infinity")]
_SPELLINGS = [(token, token.replace(b":", b':"').replace(b'" ', b' "') + b'"') for token in _TOKENS]
"""Tokens that a strict JSON parser refuses, each with the string that is put in its place."""
_BLANK = b"\x00 \t\r\n\x0b\x0c"
"""What may surround an object: white space, and zeros from a power loss or a file truncated while being written."""


def parse(line: bytes) -> Row | None:
    """Return the JSON object in ``line``, NaN and Infinity allowed; None if it is anything else."""
    try:
        value = _decode(line.removeprefix(BOM_UTF8).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def parse_all(lines: Sequence[bytes]) -> tuple[list[Row], int]:
    """Return the objects in ``lines``, as :func:`parse` gives them, and how many lines held none; blank ones are none.

    Only the kind of a number may differ: a large integer comes as the float next to it, and a NaN or an infinity of a
    metric as the text that spells it.
    """
    try:
        rows: list[Any] = list(map(quick, lines))
    except (ValueError, RecursionError):
        rows = _parse_spelled([line for line in map(_stripped, lines) if line])
    if set(map(type, rows)) <= {dict}:
        return rows, 0
    good: list[Row] = [row for row in rows if isinstance(row, dict)]
    return good, len(rows) - len(good)


def _parse_spelled(lines: Sequence[bytes]) -> list[object]:
    """Parse non-blank lines with NaN and Infinity as strings; where the quick parser still fails, line by line.

    A token inside a string gets a quote too, which makes its line invalid: so no text is changed unnoticed.
    """
    whole = b"\n".join(lines)
    for token, text in _SPELLINGS:
        whole = whole.replace(token, text)
    spelled = whole.split(b"\n")
    if len(spelled) != len(lines):
        return [parse(line) for line in lines]
    try:
        return list(map(quick, spelled))
    except (ValueError, RecursionError):
        return [_parse_either(line, told) for line, told in zip(lines, spelled, strict=True)]


def _parse_either(line: bytes, spelled: bytes) -> object:
    try:
        return quick(spelled)
    except (ValueError, RecursionError):
        return parse(line)


def _stripped(line: bytes) -> bytes:
    return line.strip(_BLANK)


class JsonObjects:
    """Hands each new object to ``take``; calls ``reset`` first when the file must be read afresh.

    A last line without its newline is taken as soon as it is a whole object: no beginning of an object is one.
    ``take`` returns whether the object was of use. ``garbage`` counts the lines that were not. ``take_all``, where it
    is given, takes what :func:`parse_all` made of many lines and returns how many objects were of no use.
    """

    def __init__(
        self,
        path: Path,
        take: Callable[[Row], bool],
        reset: Callable[[], None],
        pace: Pace | None = None,
        take_all: Callable[[Sequence[Row]], int] | None = None,
    ) -> None:
        self.garbage = 0
        self._take_all = take_all
        self._path = path
        self._tail = Tail(path, pace)
        self._take = take
        self._reset = reset
        self._lines = Lines(ends=True)
        self._taken: bytes | None = None
        self._mistaken = False

    def poll(self) -> bool:
        """Read all that is new; True if there was anything."""
        afresh = self._tail.look()
        if afresh is None:
            return False
        if afresh:
            self._again()
        changed = afresh
        for chunk in self._tail.chunks():
            changed = True
            self._take_lines(self._lines.feed(chunk))
        rest = self._lines.rest.strip(_BLANK)
        if self._mistaken or (self._taken is not None and rest != self._taken):
            self._again()
            self._tail = Tail(self._path, self._tail.pace)
            return self.poll() or changed
        if rest.endswith(b"}") and self._taken is None and self._try(rest):
            self._taken = rest
        return changed

    @property
    def place(self) -> int | None:
        """The number of bytes read, if they end with a whole line; else None."""
        return None if self._taken is not None or self._lines.waits else self._tail.place

    def state(self) -> dict[str, int]:
        """Return the counts of what was left out so far, for :meth:`resume`."""
        return {"garbage": self.garbage, "dropped": self._lines.dropped}

    def resume(self, place: int, state: Mapping[str, Any]) -> None:
        """Count the first ``place`` bytes as read. Raises OSError, KeyError, TypeError or ValueError."""
        self._tail.resume(place)
        self.garbage, self._lines.dropped = int(state["garbage"]), int(state["dropped"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        notes = list(self._tail.notes)
        if self.garbage:
            notes.append(f"left out: {words.counted(self.garbage, 'line')} without a usable JSON object")
        if self._lines.dropped:
            notes.append(f"left out as too long: {words.counted(self._lines.dropped, 'line')}")
        if self._taken is None and self._lines.rest.strip():
            notes.append("the last line has no end yet: it waits")
        return tuple(notes)

    def _take_lines(self, lines: Sequence[bytes]) -> None:
        if self._take_all is not None and lines and self._taken is None:
            rows, garbage = parse_all(lines)
            self.garbage += garbage + self._take_all(rows)
        else:
            for line in lines:
                self._line(line)

    def _line(self, line: bytes) -> None:
        taken, self._taken = self._taken, None
        line = line.strip(_BLANK)
        if taken is not None:
            self._mistaken |= line != taken
        elif line and not self._try(line):
            self.garbage += 1

    def _try(self, line: bytes) -> bool:
        row = parse(line)
        return row is not None and self._take(row)

    def _start(self) -> None:
        self._lines = Lines(ends=True)
        self._taken = None
        self._mistaken = False
        self.garbage = 0

    def _again(self) -> None:
        self._start()
        self._reset()
