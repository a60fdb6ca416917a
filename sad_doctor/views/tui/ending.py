"""A dashboard that is told to end gives the terminal back and ends, as if its user had left it."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Ending:
    """Hears SIGTERM while the dashboard runs; ``told`` says whether it came.

    It is heard by the event loop, and noted until that listens. An exception out of a signal's handler may come up
    anywhere: in a destructor, where Python drops it and the dashboard goes on for ever, or in a callback of the loop,
    which prints it.
    """

    def __init__(self) -> None:
        self.told = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Put back afterwards what listened before. Raises SystemExit with 143 at the end if SIGTERM came."""
        here = threading.current_thread() is threading.main_thread()
        before = {one: signal.getsignal(one) for one in _SIGNALS} if here else {}
        if here:
            # until the event loop listens
            signal.signal(signal.SIGTERM, self._noted)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)
        if self.told:
            raise SystemExit(128 + signal.SIGTERM)

    def listen(self, leave: Callable[[], Any]) -> None:
        """Call ``leave`` when SIGTERM comes. To be called in the event loop."""
        if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCONT"):
            return

        def end() -> None:
            self._note()
            leave()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
        if self.told:
            leave()

    def _noted(self, number: int, _frame: object) -> None:
        if self.told:
            # whoever says it twice does not want to wait for the start
            raise SystemExit(128 + number)
        self._note()

    def _note(self) -> None:
        self.told = True
        if hasattr(signal, "SIGCONT"):
            # `timeout` and systemd send it right after; Textual would take up the terminal that it is about to leave
            signal.signal(signal.SIGCONT, signal.SIG_IGN)


_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGCONT") if hasattr(signal, name))
