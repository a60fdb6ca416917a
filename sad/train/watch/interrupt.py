"""Ctrl-C and SIGTERM end a run after the step that is being taken."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

ECHO = 5.0
"""Seconds in which a launcher hands on the Ctrl-C that the terminal has sent to its workers already."""


class Interrupt:
    """While it is entered, the first signal is only noted; a second Ctrl-C stops at once.

    ``signal`` is None, or the number of the signal that came: the exit code is 128 + it. Under a launcher a second
    Ctrl-C counts only some seconds after the first: until then it is the same one.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        # signals reach the main thread only; elsewhere (a notebook's worker) there is nothing to catch
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            if "WORLD_SIZE" in os.environ and time.monotonic() - self._at < ECHO:
                return
            raise KeyboardInterrupt
        self.signal, self._at = number, time.monotonic()


class Unheard(Interrupt):
    """Leaves signals alone, for short runs that are judged: a Ctrl-C ends the program that judges. Heard by the run, it
    would end that after fewer steps, and those would be judged as a whole run.
    """

    def __enter__(self) -> Unheard:
        return self
