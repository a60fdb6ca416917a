"""Ends a part of a program that does not end: what would have ended it may have been left out, so it is no fault."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from sad.judge.stand_in import NeedsAdapterError

SECONDS = 25.0
"""Of processor time: less than the time limit of a property."""
Given = ParamSpec("Given")
Returned = TypeVar("Returned")


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Raise ``NeedsAdapterError`` in what runs longer; nothing where there are no timers, or in another thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(*_: object) -> None:
        raise NeedsAdapterError("the loop that was cut out of it does not end")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def ending(call: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Return a function that ends like that."""

    @wraps(call)
    def called(*given: Given.args, **named: Given.kwargs) -> Returned:
        with limited():
            return call(*given, **named)

    return called
