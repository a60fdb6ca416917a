"""Follows a log without the dashboard, for machines without a terminal: what is new is said line by line."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from sad_doctor import names, words
from sad_doctor.finding import Report
from sad_doctor.news import News
from sad_doctor.readers import Source, Unreadable
from sad_doctor.run import Run
from sad_doctor.views.plain import line

INTERVAL = 2.0
"""Seconds between two looks."""
_REST = 3.0
"""After a look that took long, rest so many times as long."""
_OVER = ("finished", "interrupted", "crashed")

Judge = Callable[[Run], Report]
Say = Callable[[str], object]


def follow(source: Source, judge: Judge, say: Say, *, idle: float = math.inf, interval: float = INTERVAL) -> None:
    """Look at ``source`` until its run has ended, nothing has come for ``idle`` seconds, or a signal ends it.

    ``say`` gets one line for each new finding, and for what goes wrong. Ctrl-C and SIGTERM end it like the end of the
    run, so that a report can still be made.
    """
    follower = _Follower(source, judge, say)
    with _ends_softly(), contextlib.suppress(KeyboardInterrupt):
        say(f"following {line(source.path)}; Ctrl-C ends it with the report")
        while True:
            started = time.monotonic()
            if follower.look() or follower.silent >= idle:
                return
            rest = max(interval, _REST * (time.monotonic() - started))
            time.sleep(max(0.0, min(rest, idle - follower.silent)))


class _Follower:
    def __init__(self, source: Source, judge: Judge, say: Say) -> None:
        self._source, self._judge, self._say = source, judge, say
        self._news = News()
        self._over = False
        self._trouble = ""
        self._length: object = None
        self._since = time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since the log has told anything."""
        return time.monotonic() - self._since

    def look(self) -> bool:
        """Read and judge what is new; return whether the run has ended, and nothing has come since."""
        try:
            if not self._source.poll():
                return self._over
            run = self._source.run()
            self._judged(run)
        except Exception as error:  # a log may vanish or be half written: say so and look again
            told = line(error if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}")
            if told != self._trouble:
                self._say(told)
            self._trouble = told
        else:
            self._trouble = ""
        return False

    def _judged(self, run: Run) -> None:
        self._over = run.facts.get(names.STATUS) in _OVER
        # a run that says that it is running is judged again for its silence: that is no sign of life
        length = sum(map(len, run.columns.values())), len(run.events), run.facts.get(names.HEARTBEAT)
        if length != self._length:
            self._length, self._since = length, time.monotonic()
        place = f"step {words.step(run.last_step)}: " if run.last_step >= 0 else ""
        for story in self._news.of(run, self._judge(run)):
            for one in (story.finding, *story.consequences):
                self._say(f"{place}{one.level.name} {one.rule} {one.name}: {line(one.headline)}")


@contextlib.contextmanager
def _ends_softly() -> Iterator[None]:
    """Let a scheduler's SIGTERM end the following as Ctrl-C does: with the report."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
