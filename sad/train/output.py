"""A standard output whose reader may go away: the run goes on without it."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console


class Patient:
    """A text stream that falls silent when it cannot be written any more, instead of ending the run.

    A pipe whose reader is gone, a full disk, a terminal that was closed: none of them is a fault of the run.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text``, or nothing if that is no longer possible; return its length."""
        try:
            return self._stream.write(text)
        except OSError:
            self._silence()
            return len(text)

    def flush(self) -> None:
        """Flush, if that is still possible."""
        try:
            self._stream.flush()
        except OSError:
            self._silence()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return self._stream.encoding

    def _silence(self) -> None:
        """Discard what is still in the stream's buffer: Python would fail on it at exit."""
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


def patient_console(*, quiet: bool) -> Console:
    """Return a console on standard output that a run can outlive."""
    # with no standard output rich takes a stream that discards what is written
    return Console(file=Patient(sys.stdout) if sys.stdout else None, quiet=quiet)  # type: ignore[arg-type]


def say(console: Console, line: str) -> None:
    """Print clean text as it is: nothing in it is markup, and no line is wrapped."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)
