"""The end of a log as text: the last part of the file, clean, read on as it grows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sad_doctor.readers.encoding import AsUtf8
from sad_doctor.readers.tail import is_binary
from sad_doctor.record import METRICS
from sad_doctor.sanitize import sanitize

MOST_BYTES = 1 << 20
"""Bytes of the log's end that are read at first, and at most at a time."""
MOST_LINES = 5000
LONGEST = 500
"""Characters at which a line is cut."""


class LogText:
    """The last lines of a file; ``lines`` is empty for what is no text file."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        self.path: Path | None = None
        self._file: tuple[int, int] | None = None
        self._at = 0
        self._half = b""
        self._text = AsUtf8(b"")

    def read(self, path: Path) -> bool:
        """Read what is new at the end of the log at ``path``; True if there was anything."""
        file = path / METRICS if path.is_dir() else path
        try:
            found = os.stat(file)
            identity = (found.st_dev, found.st_ino)
            if identity != self._file or found.st_size < self._at:
                self.lines.clear()
                self._file, self._at, self._half = identity, 0, b""
            if found.st_size == self._at:
                return False
            # even, so that no character of two bytes is cut in two
            start = max(self._at, (found.st_size - MOST_BYTES) // 2 * 2)
            skips = start > self._at
            with file.open("rb") as opened:
                if skips or not self._at:
                    self._text = AsUtf8(opened.read(2))
                opened.seek(start)
                piece = opened.read(found.st_size - start)
        except (OSError, ValueError):
            return False
        first, self._at = self._at == 0, start + len(piece)
        piece = self._text.turn(piece)
        if first and is_binary(piece[:8192]):
            return False
        self.path = file
        if skips:  # the first line is half a line
            self._half, piece = b"", piece.partition(b"\n")[2]
        self.lines.extend(self._whole(piece))
        return True

    def _whole(self, piece: bytes) -> Iterator[str]:
        *whole, self._half = (self._half + piece).split(b"\n")
        self._half = self._half[-MOST_BYTES:]
        for text in whole[-MOST_LINES:]:
            # of what was written over itself, as a progress bar is, the last state
            last = text.rstrip(b"\r").rsplit(b"\r", 1)[-1][: 4 * LONGEST]
            yield sanitize(last.decode("utf-8", "replace"), LONGEST).replace("\t", "    ")
