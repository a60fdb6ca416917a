"""What ends a command with one line instead of a traceback."""

from __future__ import annotations


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
