"""TensorBoard's event files, every point of them: one file, or the several that a resumed run leaves in its folder.

A file is a sequence of records: length (8 bytes), its checksum (4), the message (an `Event`), its checksum (4). A
scalar is a `simple_value` (torch, transformers) or a tensor without dimensions (TensorFlow 2).
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from sad_doctor import names
from sad_doctor.readers.protobuf import as_float, fields, signed, text
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.scalar_events import ScalarEvents
from sad_doctor.readers.source import Log, Reader
from sad_doctor.readers.tail import Pace, Tail
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize

FORMAT = "TensorBoard events"
_NAME = re.compile(r"events\.out\.tfevents\.(\d+)")
_LARGEST = 64 << 20
"""Bytes of the largest record that is believed: a greater length is a broken one."""
_HEAD = struct.Struct("<QI")
_I32, _I64 = struct.Struct("<I"), struct.Struct("<Q")
_FRAME = _HEAD.size + 4
_KINDS = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}
"""Element types of tensors (`DataType`) that a scalar is written in, and how to unpack them."""


def recognises(path: Path, head: bytes) -> bool:
    """Return whether the file begins with a record that holds an event."""
    return b"brain.Event:" in head[:64] or (_NAME.match(path.name) is not None and len(head) >= _FRAME)


def event_files(folder: Path) -> list[Path]:
    """Return the event files in a folder, oldest first."""
    found = [(int(match[1]), path.name, path) for path in folder.iterdir() if (match := _NAME.match(path.name))]
    return [path for _, _, path in sorted(found) if path.is_file()]


def scalars(event: bytes) -> tuple[int, dict[str, float]]:
    """Return the step of an event and its scalars by tag. Raises ValueError where the event is broken."""
    step, found = 0, dict[str, float]()
    for number, value in fields(event):
        if number == 2 and isinstance(value, int):
            step = signed(value)
        elif number == 5 and isinstance(value, bytes):
            for inner, one in fields(value):
                if inner == 1 and isinstance(one, bytes):
                    _take(one, found)
    return step, found


def _take(value: bytes, found: dict[str, float]) -> None:
    tag, scalar = "", None
    for number, one in fields(value):
        if number == 1:
            tag = text(one)
        elif number == 2 and isinstance(one, int):
            scalar = as_float(one)
        elif number == 8 and isinstance(one, bytes):
            scalar = _of_tensor(one)
    if tag and scalar is not None:
        found[tag] = scalar


def _of_tensor(tensor: bytes) -> float | None:
    """The number of a tensor without dimensions; None for any other."""
    kind, content, listed, flat = 0, b"", b"", True
    for number, one in fields(tensor):
        if number == 1 and isinstance(one, int):
            kind = one
        elif number == 2 and isinstance(one, bytes):
            flat = not one
        elif number == 4 and isinstance(one, bytes):
            content = one
        elif number in (5, 6) and isinstance(one, bytes):
            listed = one
        elif number == 5 and isinstance(one, int):
            listed = _I32.pack(one & 0xFFFFFFFF)
        elif number == 6 and isinstance(one, int):
            listed = _I64.pack(one & 0xFFFFFFFFFFFFFFFF)
    form = _KINDS.get(kind)
    given = content or listed
    if form is None or not flat or len(given) != struct.calcsize(form):
        return None
    return float(struct.unpack(form, given)[0])


class _File:
    """Follows one file; a record that has not ended waits, a broken one ends the reading of the file."""

    def __init__(self, path: Path, rows: Rows, pace: Pace) -> None:
        self.path = path
        self.broken: int | None = None
        self._tail = Tail(path, pace)
        self._rows = rows
        self._quick = ScalarEvents(rows.add_points, scalars)
        self._rest = b""
        self._read = 0

    def poll(self) -> bool | None:
        """Take all new records. None if the file was replaced and all must be read again, else whether any came."""
        afresh = self._tail.look()
        if afresh is None or self.broken is not None:
            return False
        if afresh:
            return None
        changed = False
        for chunk in self._tail.chunks():
            changed = True
            self._rest += chunk
            sound = self._records()
            self._quick.flush()
            if not sound:
                self._rest = b""
                break
        return changed

    def _records(self) -> bool:
        """Take the whole records of what was read; return whether the file is sound so far."""
        data, at = self._rest, 0
        while len(data) - (at := self._quick.read(data, at)) >= _FRAME:
            size, check = _HEAD.unpack_from(data, at)
            # a file with a hole in it has no end of empty records: even those have a checksum
            if size > _LARGEST or not (size or check):
                self.broken = self._read + at
                break
            if len(data) - at < _FRAME + size:
                break
            begin = at + _HEAD.size
            event = data[begin : begin + size]
            try:
                step, found = scalars(event)
            except ValueError:
                self.broken = self._read + at
                break
            if len(found) == 1:
                self._quick.add(event, step, *next(iter(found.items())))
            elif found:
                self._quick.flush()
                self._rows.add({**found, "step": step})
            at += _FRAME + size
        self._rest = data[at:]
        self._read += at
        return self.broken is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be read."""
        name = sanitize(self.path.name, 100)
        if self.broken is not None:
            return (f"{name} is broken at byte {self.broken:,}: what comes after is not read",)
        return (f"the last record of {name} has no end yet: it waits",) if self._rest else ()


class EventLog(Log):
    """Follows one event file, or all of a folder: a step that is logged again in a later file replaces the earlier."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pace = Pace()
        self._folder = path.is_dir()
        self._start()

    def _read(self) -> bool:
        changed = False
        for path in self._paths():
            if path not in self._files:
                self._files[path] = _File(path, self._rows, self.pace)
            told = self._files[path].poll()
            if told is None:
                self._start()
                self._read()
                return True
            changed |= told
        return changed

    def _make_run(self) -> Run:
        notes = [note for file in self._files.values() for note in file.notes]
        if len(self._files) > 1:
            notes.append(f"{len(self._files)} event files were read as one run, oldest first")
        return Run(
            name=sanitize(self.path.resolve().name, 200),
            format=FORMAT,
            path=self.path,
            columns=self._rows.snapshot(),
            facts={names.STATUS: "unknown", **self._rows.facts},
            notes=(*self._rows.notes, *notes),
        )

    def _paths(self) -> list[Path]:
        try:
            return event_files(self.path.resolve()) if self._folder else [self.path.resolve()]
        except OSError:
            return []

    def _start(self) -> None:
        self._files: dict[Path, _File] = {}
        self._rows = Rows(last_wins=True)


READER = Reader(FORMAT, recognises, EventLog)
