"""What is no fault of a part of a program, since what was left out may see to it: that it does not end, and that it is
right for some data only.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from sad.judge.stand_in import NeedsAdapterError
from sad.verdict import Cause, Standing, Verdict

SECONDS = 25.0
"""Of processor time: less than the time limit of a property."""
Given = ParamSpec("Given")
Returned = TypeVar("Returned")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
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
        with limited(SECONDS):
            return call(*given, **named)

    return called


def of_a_part(check: Callable[[], Verdict]) -> Callable[[], Verdict]:
    """Return a check that allows what is right for texts of one length: what gives the texts was left out."""

    @wraps(check)
    def checked() -> Verdict:
        verdict = check()
        if verdict.cause is not Cause.UNEVEN:
            return verdict
        says = f"{verdict.says}; what gives its texts is left out"
        return Verdict(True, says, verdict.numbers, Standing.ALLOWED, verdict.example)

    return checked
