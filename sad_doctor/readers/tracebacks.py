"""Finds Python tracebacks in a stream of lines and the error in which each ends."""

from __future__ import annotations

import re

from sad_doctor.readers.numbers import NUMBER

TITLE = "Traceback (most recent call last)"
UNENDED = "a traceback without its last line"
"""Stands for the error of a traceback that was cut off."""

_PATH = r"(?:[a-zA-Z_]\w*|<locals>)\."
_REST = r"(?:\([\w., ]*\))?(?::(?: .*)?)?$"
_SURE = re.compile(rf"^(?:{_PATH})*\w*(?:Error|Exception|ExceptionGroup|Interrupt|Exit|Failure|Timeout){_REST}")
_DOTTED = re.compile(rf"^(?:{_PATH})+[a-zA-Z_]\w*{_REST}")
_LOOSE = re.compile(rf"^[a-zA-Z_]\w*{_REST}")
_VALUE = re.compile(rf"^[\w.]+: +{NUMBER}\s*$", re.IGNORECASE)
_FRAME = (" ", "\t", "│", "╭", "╰", "|", "+")
_GROUP = re.compile(r"^\s*[|+] ?")
_LONGEST = 2000


class Tracebacks:
    """From the title of a traceback on, indented lines belong to it: they are its frames.

    The first other line is its error. One that may be none ends the frames too, so that the rest of the log is read;
    what is surely an error may still come. ``active`` says that the last line fed is the traceback's.
    """

    def __init__(self) -> None:
        self.active = False
        self._open = False
        self._between = ""
        self._lines = 0
        self._prefix: re.Pattern[str] | None = None
        self._grouped = False

    def feed(self, line: str) -> str | None:
        """Take a line; return the error, such as ``ValueError: no``, when the line ends a traceback."""
        if TITLE in line:
            self._begin(line)
            return None
        if not self._open:
            return None
        self._lines += 1
        error = self.error_in(line)
        if error or self._lines > _LONGEST:
            self.active = self._open = False
            return error
        line = self._bare(line)
        if line.strip() and not line.startswith(_FRAME):
            self.active = False
            self._between = self._between or (line.strip() if _is_loose(line) else "")
        return None

    def error_in(self, line: str) -> str | None:
        """Return the error if ``line`` would end the traceback that is open now, else None."""
        line = self._bare(line)
        if not self._open or not line.strip() or line.startswith(_FRAME):
            return None
        line = line.strip()
        dotted = self.active and _DOTTED.match(line) and not _VALUE.match(line)
        return line if dotted or _SURE.match(line) else None

    def unended(self, rest: str = "") -> str | None:
        """Return what to call the error of a traceback that is still open, ``rest`` being a half line; else None."""
        if not self._open:
            return None
        rest = self._bare(rest)
        loose = rest.strip() if not rest.startswith(_FRAME) and _is_loose(rest) else ""
        return self._between or loose or UNENDED

    def close(self) -> bool:
        """Forget the open traceback, since the training goes on; return whether there was one."""
        was, self.active, self._open = self._open, False, False
        return was

    def _begin(self, line: str) -> None:
        self.active = self._open = True
        self._lines, self._between = 0, ""
        before = line[: line.index(TITLE)]
        self._grouped = before.strip(" |").startswith("+")
        # the same words and digits of a time before each line; a group's frame is a sign of its own
        same = re.sub(r"\d", r"\\d", re.escape(before)) if before.strip() and not self._grouped else ""
        self._prefix = re.compile(same) if same else None

    def _bare(self, line: str) -> str:
        if self._prefix is not None and (found := self._prefix.match(line)):
            return line[found.end() :]
        return _GROUP.sub("", line) if self._grouped else line


def _is_loose(line: str) -> bool:
    return bool(_LOOSE.match(line.strip())) and not _VALUE.match(line.strip())
