"""What ends a command with one line instead of a traceback, and how such a line lists names."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MOST = 8
"""Names that a message lists before it says how many more there are."""


class UserError(Exception):
    """Something that the user can mend. The message is one line: what is wrong, and what to do."""

    exit_code = 2


class TrainingError(UserError):
    """A training that can only fail from here on. The message is one line: what happened, and what to do."""

    exit_code = 1


class Stopped(BaseException):
    """Ctrl-C, or a request to end, outside the part of a run that finishes its step first. ``signal`` is its number.

    Like KeyboardInterrupt it is no Exception: what catches every error of a library must not take it for one.
    """

    def __init__(self, message: str, signal: int = 2) -> None:
        super().__init__(message)
        self.signal, self.exit_code = signal, 128 + signal


CLOSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
"""What is wrong with a place, and not with this program, wherever it is found out."""


def closed_place(error: OSError) -> UserError | None:
    """Return what to say of a place that the system refuses; None for any other error of its."""
    if not error.filename or error.errno not in CLOSED:
        return None
    return UserError(f"{error.filename}: {error.strerror}; name another place, or get the right to this one")


@contextmanager
def places() -> Iterator[None]:
    """Raise UserError, naming the place, where the system refuses one; any other error of its stays what it is."""
    try:
        yield
    except OSError as error:
        raise closed_place(error) or error from None


def listed(names: Iterable[str], wanted: str = "") -> str:
    """Join names by commas: at most ``MOST``, then "and N more"; of more, those spelled most like ``wanted`` first."""
    every = [str(name) for name in names]
    if wanted and len(every) > MOST:
        # sorting is stable: names that are equally far keep their order
        every.sort(key=lambda name: -difflib.SequenceMatcher(None, wanted.casefold(), name.casefold()).ratio())
    rest = len(every) - MOST
    return ", ".join(every[:MOST]) + (f" and {rest} more" if rest > 0 else "")
