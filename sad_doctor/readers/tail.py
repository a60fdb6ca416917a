"""Reads what was appended to a file since the last look, and cuts it into whole lines."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from stat import S_ISREG

from sad_doctor.readers.encoding import AsUtf8

CHUNK = 1 << 19
"""Bytes that are read at once: what is made of them should fit the processor's cache."""
LONGEST_LINE = 16 << 20
_MARK = 64
_DATABASE = b"SQLite format 3\x00"


@dataclass(slots=True)
class Pace:
    """How much of a source one look may read, and how far it is.

    ``seconds`` bound the time; ``stopped`` ends the reading at the next chunk, from any thread.
    """

    seconds: float = math.inf
    stopped: bool = False
    _places: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The share of the bytes seen that was read, from 0 to 1."""
        places = tuple(self._places.values())
        whole = sum(size for _, size in places)
        return sum(min(at, size) for at, size in places) / whole if whole else 1.0

    def reached(self, path: Path, at: int, size: int) -> None:
        """Take note of the place reached in one file."""
        self._places[path] = at, size


class Tail:
    """The growing end of one file.

    A file counts as a new one when its device or inode changed, when it is shorter than what was read, or when its
    first 64 bytes or the 64 bytes before the place reached are no longer what was read: a copy-and-truncate that
    has already grown past that place shows in nothing else. UTF-16 is given as UTF-8.
    """

    def __init__(self, path: Path, pace: Pace | None = None) -> None:
        self.path = path
        self.pace = pace or Pace()
        self._stat: tuple[int, int, int, int] | None = None
        self._offset = 0
        self._head = b""
        self._last = b""
        self._replaced = False
        self._text = AsUtf8(b"")

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to the file while it was followed."""
        if not self._replaced:
            return ()
        what = ", which is no text: it cannot be read" if is_binary(self._head) else ""
        return (f"the file was cut short or replaced by another one while it was followed{what}",)

    def look(self) -> bool | None:
        """Return None if nothing changed, False if bytes were appended, True if the file must be read afresh.

        A file that is gone for a moment, as in a rotation, has not changed.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        # to open a pipe is to wait for its writer, and a device has no end
        if not S_ISREG(found.st_mode):
            return None
        stat = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if stat == self._stat and self._offset >= found.st_size:
            return None
        replaced = self._stat is not None and (
            stat[:2] != self._stat[:2] or found.st_size < self._offset or not self._same()
        )
        self._stat = stat
        if replaced:
            self._replaced = True
            self._forget()
        return replaced

    def read(self, take: Callable[[bytes], None], again: Callable[[], None]) -> bool:
        """Give ``take`` what is new, after a call of ``again`` if the file must be read afresh; True if any was."""
        changed = self.look()
        if changed is None:
            return False
        if changed:
            again()
        for chunk in self.chunks():
            changed = True
            take(chunk)
        return changed

    @property
    def place(self) -> int:
        """How many bytes of the file were read and given."""
        return self._offset - self._text.waits

    def resume(self, place: int) -> None:
        """Count the first ``place`` bytes as read. Raises OSError."""
        with self.path.open("rb") as file:
            self._head = file.read(min(_MARK, place))
            file.seek(max(0, place - _MARK))
            self._last = file.read(min(_MARK, place))
        self._text = AsUtf8(self._head)
        self._offset = place

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes between the place reached and the size seen by :meth:`look`; fewer if the pace ends it."""
        size = self._stat[2] if self._stat else 0
        until = time.monotonic() + self.pace.seconds
        self.pace.reached(self.path, self._offset, size)
        if self._offset >= size:
            return
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                while self._offset < size:
                    chunk = file.read(min(CHUNK, size - self._offset))
                    if not chunk:
                        return
                    self._remember(chunk)
                    self.pace.reached(self.path, self._offset, size)
                    yield self._text.turn(chunk)
                    if self.pace.stopped or time.monotonic() >= until:
                        return
        except OSError:
            return

    def _same(self) -> bool:
        try:
            with self.path.open("rb") as file:
                if file.read(len(self._head)) != self._head:
                    return False
                file.seek(self._offset - len(self._last))
                return file.read(len(self._last)) == self._last
        except OSError:
            return True

    def _remember(self, chunk: bytes) -> None:
        if not self._offset:
            self._text = AsUtf8(chunk)
        self._offset += len(chunk)
        self._head = (self._head + chunk[:_MARK])[:_MARK]
        self._last = (self._last + chunk[-_MARK:])[-_MARK:]

    def _forget(self) -> None:
        self._offset = 0
        self._head = b""
        self._last = b""


def is_binary(sample: bytes) -> bool:
    """Say whether bytes are no text: a tenth of them control codes or no UTF-8. Zeros at the end do not count."""
    sample = sample.rstrip(b"\x00")
    control = sum(byte < 32 and byte not in b"\t\n\r\x0b\x0c\x1b\x08\x07" for byte in sample)
    wrong = sample.decode("utf-8", "replace").count("\ufffd")
    return control + wrong > 0.1 * max(1, len(sample))


def is_database(path: Path) -> bool:
    """Return whether the file at ``path`` is an SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except OSError:
        return False


class Lines:
    """Cuts a stream of bytes into lines; a line without its end waits.

    A line longer than ``LONGEST_LINE`` is dropped and counted in ``dropped``. ``ends``: lines keep their newline,
    which is quicker where it does no harm.
    """

    def __init__(self, ends: bool = False) -> None:
        self.dropped = 0
        self._ends = ends
        self._parts: list[bytes] = []
        self._held = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that ``chunk`` completes, without their newline or with it."""
        if self._ends:
            lines = BytesIO(chunk).readlines()
            rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        else:
            *lines, rest = chunk.split(b"\n")
        if lines:
            if self._skipping:
                self._skipping = False
                del lines[0]
            elif self._parts:
                lines[0] = b"".join((*self._parts, lines[0]))
            self._parts, self._held = [], 0
        self._hold(rest)
        return lines

    @property
    def waits(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._parts) or self._skipping

    @property
    def rest(self) -> bytes:
        """The beginning of a line whose end has not come yet."""
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        return self._parts[0] if self._parts else b""

    def _hold(self, rest: bytes) -> None:
        if self._skipping or not rest:
            return
        self._parts.append(rest)
        self._held += len(rest)
        if self._held > LONGEST_LINE:
            self._parts, self._held, self._skipping = [], 0, True
            self.dropped += 1
