"""The standard streams of a command: one that was closed takes what is written to it, one that fails is told of."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def ready() -> None:
    """Make standard output a stream that can be written to, and let both show what their encoding lacks as ``?``."""
    if sys.stdout is None:
        # else a file that is opened later would get its descriptor, and with it what others print
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open to the end, as the one it stands for
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def failure(*, probe: bool = False) -> str | None:
    """Why standard output cannot be written, such as a full disk; None if it can. Raises BrokenPipeError.

    What is still to be written is given up then: the end of the program would try it again. ``probe`` writes an end of
    line: a stream without a buffer has forgotten that it failed.
    """
    try:
        sys.stdout.write("\n" if probe else "")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error.strerror or str(error)
    return None
