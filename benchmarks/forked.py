"""Does something in a fork of this process, and hears of it."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable


def apart(act: Callable[[], str], limit: float | None) -> str | None:
    """Return what ``act`` gives in a fork; None if it dies. Raises TimeoutError after ``limit`` seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setpgid(0, 0)
            os.close(reading)
            sink = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(sink, number)
            told = act().encode()
            while told:
                told = told[os.write(writing, told) :]
        finally:
            os._exit(0)
    os.close(writing)
    told, more = b"", b"more"
    try:
        while more:
            if not select.select([reading], [], [], limit)[0]:
                if told:
                    # all is said, and what a test left running holds the pipe
                    break
                raise TimeoutError
            more = os.read(reading, 2**16)
            told += more
        return told.decode() or None
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            # what a test left running, and all of it where this process is told to end
            os.killpg(child, 9)
        os.waitpid(child, 0)
