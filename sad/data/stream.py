"""The windows of a text that is read once, as it comes: prepared while a run goes on, and kept in segments."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from sad.align.example import Counts, Example, Readers, Written
from sad.align.reader import Ints
from sad.assets.store import cache_folder
from sad.data import cache, segments
from sad.data.maker import ChangedError, Maker
from sad.data.prepared import Prepared, Windows, left_out
from sad.data.segments import Segment
from sad.errors import UserError

OPEN = 32
"""Segments whose files are mapped at a time."""

PAUSE = 0.1
"""Seconds between two checks of whether to go on waiting."""

LEAVE = 10.0
"""Seconds that a thread is given to end; one that waits for a network is left to itself."""


class Streamed(Windows):
    """The windows of a stream, in its order, as far as they are prepared: :meth:`need` asks for more.

    What is asked for before :meth:`going_on` is prepared then and there; after that a thread prepares ahead, as
    :class:`sad.data.maker.Maker` does, whose arguments these are; the segments lie in ``folder``/streams. Raises
    UserError, for a folder that cannot be made and wherever windows are asked for that cannot be had.
    """

    def __init__(
        self,
        documents: Iterable[Written],
        readers: Readers,
        max_length: int,
        folder: Path | None = None,
        *,
        workers: int | None = None,
        follows: bool = False,
        name: str = "the stream",
    ) -> None:
        where = (folder or cache_folder() / "prepared") / "streams"
        self._maker = Maker(documents, readers, max_length, where, workers=workers, follows=follows, name=name)
        self._making = self._maker.segments()
        self._changed = threading.Condition(threading.RLock())
        self._segments: list[Segment] = []
        self._stops: list[int] = []
        # segments that the text was read up to; those after them were adopted
        self._read = 0
        self._opened = lru_cache(maxsize=OPEN)(self._open)
        self._ended = False
        self._error: BaseException | None = None
        self._other: UserError | None = None
        self._wanted = self._most = self._lead = 0
        self._cap: int | None = None
        self._thread: threading.Thread | None = None

    def need(self, windows: int, until: Callable[[], bool] = lambda: False) -> int:
        """Wait for so many windows; return how many of them there are: fewer where the stream has ended.

        Returns earlier once ``until`` is true. Raises UserError where the stream broke before.
        """
        with self._changed:
            windows = windows if self._cap is None else min(windows, self._cap)
            self._wanted = max(self._wanted, windows)
            self._changed.notify_all()
            while self._there < windows and not self._ended:
                if self._error is not None:
                    raise self._error
                if until():
                    break
                if self._maker.closed:
                    raise UserError(f"{self._maker.name} is closed and gives no more windows: prepare the data again")
                if self._thread is None:
                    self._step()
                else:
                    self._changed.wait(PAUSE)
            if self._ended and not self._there:
                raise UserError(cache.nothing(self._maker.name, self.counts))
            return min(self._there, windows)

    def check(self) -> None:
        """Raise UserError where the text has turned out not to be what its windows were prepared from.

        Apart from :meth:`need`: a thread finds it out at any time, also while a step that was begun takes its windows.
        """
        if self._other is not None:
            raise self._other

    @property
    def size(self) -> int | None:
        """All its windows; None as long as its end is not known."""
        if self._cap is not None:
            return self._cap
        return self._there if self._ended else None

    def end_at(self, windows: int) -> None:
        """Prepare so many windows, and let the stream end there: for who must know all of it."""
        self._cap = self.need(windows)

    def take_up(self, key: str) -> None:
        """Take what was prepared up to the segment ``key``, and behind it, without reading its text first.

        Nothing of it where a part is gone. The text is read again meanwhile: where it is not the same, that is an error
        as if the stream broke.
        """
        every = segments.chain(self._maker.folder, key)
        with self._changed:
            known = [one.key for one in self._segments]
            if not self._ended and [one.key for one in every[: len(known)]] == known:
                for one in every[len(known) :]:
                    self._append(one)

    def key_at(self, windows: int) -> str:
        """Return a hash of all that decided the first ``windows`` windows, and of a little more behind them.

        Waits for them; of a stream that has fewer it is that of all.
        """
        at = bisect_left(self._stops, windows)
        if at == len(self._stops):
            at = bisect_left(self._stops, self.need(windows))
        return self._segments[at].key

    @property
    def fingerprint(self) -> str:
        """Hash of what is prepared so far: after :meth:`end_at`, of the whole."""
        return f"{self.key_at(len(self))}-{len(self)}"

    @contextmanager
    def going_on(self, most: int, lead: int) -> Iterator[None]:
        """While the context is open, prepare ``lead`` windows ahead of need, but not beyond ``most`` unasked."""
        self._most, self._lead, self._maker.ahead = most, lead, True
        self._thread = threading.Thread(target=self._work, name="sad-stream", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self.close()
            self._thread.join(LEAVE)

    def close(self) -> None:
        """Stop reading and preparing. What was prepared stays."""
        with self._changed:
            self._maker.closed = True
            self._changed.notify_all()
        # a thread that is still at work ends by itself
        with suppress(ValueError):
            self._making.close()

    def __len__(self) -> int:
        return self._there if self._cap is None else self._cap

    def _window(self, number: int) -> Example:
        at = bisect_right(self._stops, number)
        return self._opened(at)[number - self._segments[at].first]

    def sizes(self, first: int, stop: int) -> tuple[Ints, Ints]:
        """Return the tokens of the windows from ``first`` up to ``stop``: of both sides, and of the longer one."""
        both, longer = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for at in range(bisect_right(self._stops, first), len(self._segments)):
            before = self._segments[at].first
            if before >= stop:
                break
            here, found = slice(max(0, first - before), stop - before), self._opened(at)
            both.append(found.lengths[here])
            longer.append(found.longest_side[here])
        return np.concatenate(both), np.concatenate(longer)

    @property
    def told(self) -> str:
        """Where its windows lie."""
        goes_on = "" if self.size is not None else "prepared while the run goes on, and "
        return f"the stream is {goes_on}kept in {self._maker.folder}"

    @property
    def lengths(self) -> Ints:
        """Tokens of each window that is there, of both sides together."""
        return self.sizes(0, len(self))[0]

    @property
    def longest_side(self) -> Ints:
        """Tokens of each window that is there on the side that has more."""
        return self.sizes(0, len(self))[1]

    @property
    def labels(self) -> int:
        """The student's labels so far."""
        return sum(of.labels for of in self._segments)

    @property
    def boundaries(self) -> int:
        """The common boundaries with a label so far."""
        return sum(of.boundaries for of in self._segments)

    @property
    def counts(self) -> Counts:
        """What became of the text so far."""
        total = Counts()
        for of in self._segments:
            total.add(of.counts)
        return total

    @property
    def left_out(self) -> list[str]:
        """What of the text so far is in no window, a line each."""
        return left_out(self.counts)

    @property
    def _there(self) -> int:
        return self._stops[-1] if self._stops else 0

    def _open(self, at: int) -> Prepared:
        """Open the segment of a number."""
        return segments.opened(self._maker.folder, self._segments[at], self._maker.name)

    def _append(self, one: Segment) -> None:
        self._segments.append(one)
        self._stops.append(one.stop)

    def _work(self) -> None:
        """Prepare what is due, until there is no more, or nobody asks any more."""
        while not (self._ended or self._error):
            with self._changed:
                while not self._maker.closed and not self._due():
                    self._changed.wait()
                if self._maker.closed:
                    return
            self._step()

    def _due(self) -> bool:
        ahead = max(self._wanted, min(self._most, self._wanted + self._lead))
        return self._read < len(self._segments) or self._there < ahead

    def _step(self) -> None:
        """Take the next segment, or know that there is none."""
        found: Segment | None = None
        error: BaseException | None = None
        name = self._maker.name
        try:
            found = next(self._making, None)
        except UserError as told:
            error = told
        except (RuntimeError, OSError) as told:
            first = next(iter(str(told).splitlines()), type(told).__name__)
            error = UserError(f"{name}: the stream broke ({first}): mend that, and go on with what is there")
        except BaseException as raised:
            if threading.current_thread() is not self._thread:
                raise
            # it is raised where the windows are needed
            error = raised
        with self._changed:
            self._error = error
            if error is None and not (self._maker.closed and found is None):
                self._accept(found)
            self._changed.notify_all()

    def _accept(self, found: Segment | None) -> None:
        if self._read < len(self._segments):
            if found is None or found.key != self._segments[self._read].key:
                self._error = self._other = ChangedError(self._maker.name)
        elif found is None:
            self._ended = True
        else:
            self._append(found)
        self._read += found is not None
