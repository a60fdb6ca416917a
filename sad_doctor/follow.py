"""Follows a log without the dashboard, for machines without a terminal: what is new is said line by line."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from sad_doctor import names, words
from sad_doctor.finding import Report
from sad_doctor.news import News
from sad_doctor.readers import Source, Unreadable
from sad_doctor.record import METRICS
from sad_doctor.run import Run
from sad_doctor.views.plain import line

INTERVAL = 2.0
"""Seconds between two looks."""
_REST = 3.0
"""After a look that took long, rest so many times as long."""
_OVER = ("finished", "interrupted", "crashed")

Judge = Callable[[Run], Report]
Say = Callable[[str], object]


def follow(source: Source, judge: Judge, say: Say, *, idle: float = math.inf, interval: float = INTERVAL) -> bool:
    """Look at ``source`` until its run has ended, nothing has come for ``idle`` seconds, or a signal ends it.

    ``say`` gets one line for each new finding, and for what goes wrong. Ctrl-C and SIGTERM end it like the end of the
    run, so that a report can still be made.

    Returns False where the log was lost before its run had ended: what it would have told is not known.
    """
    follower = _Follower(source, judge, say)
    with _ends_softly(), contextlib.suppress(KeyboardInterrupt):
        say(f"following {line(source.path)}; Ctrl-C ends it with the report")
        while True:
            started = time.monotonic()
            if follower.look() or follower.silent >= idle:
                break
            rest = max(interval, _REST * (time.monotonic() - started))
            time.sleep(max(0.0, min(rest, idle - follower.silent)))
    return follower.end()


class _Follower:
    def __init__(self, source: Source, judge: Judge, say: Say) -> None:
        self._source, self._judge, self._say = source, judge, say
        self._news = News()
        self._over = False
        self._trouble = ""
        self._length: object = None
        self._since = time.monotonic()
        # what names a run inside a database is no file of its own
        self._files = [one for one in (source.path, source.path / METRICS) if _lost(one) is None]
        self._lost: str | None = None

    @property
    def silent(self) -> float:
        """Seconds since the log has told anything."""
        return time.monotonic() - self._since

    def end(self) -> bool:
        """Return whether the run has ended, or its log can still be read: it may have been lost since the last look."""
        self._say_what_is_lost()
        return self._over or self._lost is None

    def look(self) -> bool:
        """Read and judge what is new; return whether the run has ended, and nothing has come since."""
        self._say_what_is_lost()
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

    def _say_what_is_lost(self) -> None:
        """Say it once where a log is no longer there, or no file any more: nothing can come of it then."""
        lost = next((f"{line(one)} {why}" for one in self._files if (why := _lost(one))), None)
        if lost is not None and lost != self._lost:
            self._say(lost)
        self._lost = lost

    def _judged(self, run: Run) -> None:
        self._over = run.facts.get(names.STATUS) in _OVER
        # a run that says that it is running is judged again for its silence: that is no sign of life
        length = sum(map(len, run.columns.values())), len(run.events), run.facts.get(names.HEARTBEAT)
        came, self._length = length != self._length, length
        place = f"step {words.step(run.last_step)}: " if run.last_step >= 0 else ""
        for story in self._news.of(run, self._judge(run)):
            for one in (story.finding, *story.consequences):
                self._say(f"{place}{one.level.name} {one.rule} {one.name}: {line(one.headline)}")
        if came:
            # the time that judging takes is not the log's silence
            self._since = time.monotonic()


def _lost(path: Path) -> str | None:
    """Return why nothing can be read at ``path``; None where there is a file or a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        return "is gone: it was deleted or moved" if gone else f"cannot be looked at: {error.strerror}"
    kept = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return None if kept else "is a pipe or a device now, not a file: it is not read"


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
