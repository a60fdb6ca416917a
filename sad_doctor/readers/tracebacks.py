"""Finds Python tracebacks in a stream of lines and the error in which each ends."""

from __future__ import annotations

import re

TITLE = "Traceback (most recent call last)"
_RANK = re.compile(r"^\[?rank\d+\]?: ?")
_ERROR = re.compile(r"^(?:[a-zA-Z_]\w*\.)*[A-Z]\w*(?::(?: .*)?)?$")
_FRAME = (" ", "\t", "│", "╭", "╰", "|")
_LONGEST = 2000


class Tracebacks:
    """Between the title of a traceback and its last line the stream belongs to the traceback."""

    def __init__(self) -> None:
        self.active = False
        self._lines = 0

    def feed(self, line: str) -> str | None:
        """Take a line; return the error, such as ``ValueError: no``, when the line ends a traceback."""
        if TITLE in line:
            self.active, self._lines = True, 0
            return None
        error = self.error_in(line)
        self._lines += 1
        if error or self._lines > _LONGEST:
            self.active = False
        return error

    def error_in(self, line: str) -> str | None:
        """Return the error if ``line`` would end the traceback that is open now, else None."""
        line = _RANK.sub("", line)
        if not self.active or not line.strip() or line.startswith(_FRAME) or not _ERROR.match(line.rstrip()):
            return None
        return line.strip()
