"""Follows one file of JSON objects, a line each."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sad_doctor.readers.tail import Lines, Pace, Tail

Row = Mapping[str, Any]

_decode = json.JSONDecoder().decode
_BLANK = b"\x00 \t\r\n\x0b\x0c"
"""What may stand around an object; zeros, where a machine lost power or the file was cut under its writer."""


def parse(line: bytes) -> Row | None:
    """Return the JSON object in ``line``, NaN and Infinity allowed; None if it is anything else."""
    try:
        value = _decode(line.removeprefix(BOM_UTF8).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class JsonLines:
    """Hands each new object to ``take``; calls ``reset`` first when the file must be read afresh.

    A last line without its newline is taken as soon as it is a whole object: no beginning of an object is one.
    ``take`` returns whether the object was of use. ``garbage`` counts the lines that were not.
    """

    def __init__(
        self, path: Path, take: Callable[[Row], bool], reset: Callable[[], None], pace: Pace | None = None
    ) -> None:
        self.garbage = 0
        self._path = path
        self._tail = Tail(path, pace)
        self._take = take
        self._reset = reset
        self._lines = Lines()
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
            for line in self._lines.feed(chunk):
                self._line(line)
        rest = self._lines.rest.strip(_BLANK)
        if self._mistaken or (self._taken is not None and rest != self._taken):
            self._again()
            self._tail = Tail(self._path, self._tail.pace)
            return self.poll() or changed
        if rest.endswith(b"}") and self._taken is None and self._try(rest):
            self._taken = rest
        return changed

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        notes = list(self._tail.notes)
        if self.garbage:
            notes.append(f"{self.garbage} lines were not usable JSON objects and were left out")
        if self._lines.dropped:
            notes.append(f"{self._lines.dropped} lines were too long and were left out")
        if self._taken is None and self._lines.rest.strip():
            notes.append("the last line has no end yet: it waits")
        return tuple(notes)

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
        self._lines = Lines()
        self._taken = None
        self._mistaken = False
        self.garbage = 0

    def _again(self) -> None:
        self._start()
        self._reset()
