"""How a run is watched that still goes on: with the dashboard or without, and who is told of a new red flag."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sad_doctor.finding import Level, Report
from sad_doctor.follow import INTERVAL, Judge, follow
from sad_doctor.news import News
from sad_doctor.readers import Source, Unreadable, open_log
from sad_doctor.readers.tail import is_binary
from sad_doctor.run import Run

if TYPE_CHECKING:
    from sad_doctor.notify import Notifier


class Watching:
    """A context manager that at its end waits, for a while, until all word has been sent.

    ``following``: go on looking at the log, without the dashboard, until the run has ended, until nothing has come for
    ``idle`` seconds, or until Ctrl-C; what is new is a line on standard error. A log that is not there yet, or holds
    nothing yet, is waited for. ``notify``: addresses and commands that are told of each red flag, once. What goes wrong
    with them is a line on standard error too. Raises ValueError for an address or a number that is none.
    """

    def __init__(
        self,
        *,
        following: bool = False,
        idle: float | None = None,
        notify: Sequence[str] = (),
        interval: float = INTERVAL,
    ) -> None:
        if idle is not None and not following:
            raise ValueError("--idle says when --follow ends: give --follow too")
        if idle is not None and not 0 < idle < math.inf:
            raise ValueError(f"--idle {idle:g}: it is a number of seconds above 0")
        self.following, self._idle, self._interval = following, math.inf if idle is None else idle, interval
        self._held: list[str] | None = None
        self._notifier = self._told(notify) if notify else None
        self._sources: dict[Path, Source] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        held, self._held = self._held or [], None
        for text in held:
            self._say(text)
        if self._notifier is not None:
            with contextlib.suppress(KeyboardInterrupt):
                self._notifier.close()

    def opened(self, path: str | Path) -> Source:
        """Return the source for a log; when following, wait until there is one. Raises Unreadable."""
        told = ""
        until = time.monotonic() + self._idle
        while True:
            try:
                source = open_log(path)
            except Unreadable as problem:
                if not (self.following and _may_come(Path(path))) or time.monotonic() >= until:
                    raise
                if str(problem) != told:
                    told = str(problem)
                    self._say(f"{told} (waiting; Ctrl-C ends it)")
                try:
                    time.sleep(max(0.0, min(self._interval, until - time.monotonic())))
                except KeyboardInterrupt:
                    raise problem from None
            else:
                self._sources[source.path] = source
                return source

    def judging(self, judge: Judge, level: Level) -> Judge:
        """Return ``judge`` that also sends word of what is new, of ``level`` or above. It takes no longer for that."""
        if (notifier := self._notifier) is None:
            return judge
        news = News(level)

        def judged(run: Run) -> Report:
            report = judge(run)
            pace = getattr(self._sources.get(run.path), "pace", None)
            # what looks wrong in the half of a log that has been read may be put right in the rest
            if pace is None or pace.share >= 1:
                for story in news.of(run, report):
                    notifier.tell(run, story)
            return report

        return judged

    @property
    def notifies(self) -> bool:
        """Whether somebody is told of red flags."""
        return self._notifier is not None

    def hold(self) -> None:
        """Keep what there is to say until the end: the screen belongs to the dashboard."""
        self._held = []

    def follow(self, source: Source, judge: Judge) -> bool:
        """Follow ``source`` to its end, if that is wanted, and say what is new; whether its log was never lost."""
        if not self.following:
            return True
        return follow(source, judge, self._say, idle=self._idle, interval=self._interval)

    def _told(self, targets: Sequence[str]) -> Notifier:
        # what speaks to a network takes time to load
        from sad_doctor.notify import Notifier

        return Notifier(targets, self._say)

    def _say(self, text: str) -> None:
        if self._held is not None:
            self._held.append(text)
            return
        with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody listens any more
            sys.stderr.write(f"sad doctor: {text}\n")
            sys.stderr.flush()


def _may_come(path: Path) -> bool:
    """Whether what cannot be read may still become a log: no file yet, a folder, or text so far."""
    try:
        if not path.is_file():
            return path.is_dir() or not path.exists()
        with path.open("rb") as file:
            return not is_binary(file.read(8192))
    except OSError:
        return False
