"""From the documents of a stream to its segments: those on disk are reused, the others prepared."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from sad.align.columns import Columns
from sad.align.example import Counts, Readers, Written, text_of
from sad.align.worker import Workers
from sad.data import cache, segments
from sad.data.segments import Group, Segment
from sad.errors import UserError

PROCESSES = 8
"""Processes that prepare a stream unless a recipe says how many: enough for a million tokens a second."""

PATIENCE = 60.0
"""Seconds that a process waits for a segment that another one is to write."""

PAUSE = 0.1


class ChangedError(UserError):
    """The text has changed since it was prepared."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not what it was: put it back, or start a new run without --resume")


class Maker:
    """Makes the segments of a stream, in its order, one whenever :meth:`segments` is asked for the next.

    It does so here and now, and in ``workers`` processes where it is ``ahead`` of who needs them, or there is much
    text; None is one a core, at most ``PROCESSES``. A process that ``follows`` waits for another one of this machine
    to write.
    """

    def __init__(
        self,
        documents: Iterable[Written],
        readers: Readers,
        max_length: int,
        folder: Path,
        *,
        workers: int | None = None,
        follows: bool = False,
        name: str = "the stream",
    ) -> None:
        self._documents, self._readers, self._max_length = documents, readers, max_length
        self.folder, self.name = folder, name
        self._workers, self._follows = workers, follows
        self.ahead = self.closed = False
        self._prepared = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            cache.sweep(folder)
        except OSError as error:
            raise self._unwritten(error) from None

    def segments(self) -> Generator[Segment]:
        """Read the text; yield its segments, those that are on disk without preparing them.

        Raises UserError where the disk is full, and what reading raises.
        """
        rest, stop = segments.groups(self._documents, self._readers, self._max_length), 0
        held: list[Group] = []
        while not self.closed and (group := held.pop() if held else next(rest, None)) is not None:
            found = self._found(group, stop)
            if found is not None:
                stop = found.stop
                yield found
                continue
            with Workers(self._readers, self._max_length, count := self._count()) as pool:
                for made in self._written(pool, count, group, rest, held, stop):
                    stop = made.stop
                    yield made

    def _written(
        self, pool: Workers, count: int, group: Group, rest: Iterator[Group], held: list[Group], stop: int
    ) -> Iterator[Segment]:
        """Prepare ``group`` and what comes after it, up to what is on disk, or to where another pool is better."""
        waiting: deque[tuple[Group, int]] = deque()

        def ask() -> Iterator[list[Written]]:
            one: Group | None = group
            while one is not None:
                some = list(cache.chunks(one.documents))
                waiting.append((Group(one.key, one.previous, ()), len(some)))
                self._prepared += sum(len(text_of(document)) for document in one.documents)
                yield from some
                one = next(rest, None)
                if one is not None and (self._count() != count or segments.place(self.folder, one.key).exists()):
                    held.append(one)
                    return

        parts: list[tuple[Columns, Counts]] = []
        with closing(pool.cut(ask())) as done:
            for part in done:
                if self.closed:
                    return
                parts.append(part)
                one, wanted = waiting[0]
                if len(parts) < wanted:
                    continue
                waiting.popleft()
                try:
                    made = segments.write(self.folder, one, stop, parts)
                except OSError as error:
                    raise self._unwritten(error) from None
                parts, stop = [], made.stop
                yield made

    def _found(self, group: Group, first: int) -> Segment | None:
        """Return the segment of a group if it is on disk, whole and undamaged."""
        started, file = time.monotonic(), segments.place(self.folder, group.key)
        while self._follows and not self.closed and not file.exists() and time.monotonic() - started < PATIENCE:
            time.sleep(PAUSE)
        found = segments.read(self.folder, group.key)
        if found is None or found.first != first:
            return None
        try:
            segments.opened(self.folder, found, self.name)
        except UserError:
            return None
        return found

    def _count(self) -> int:
        if self._follows:
            return 0
        if self._workers is not None:
            return self._workers
        return min(cache.cores(), PROCESSES) if self.ahead or self._prepared >= cache.SMALL else 0

    def _unwritten(self, error: OSError) -> UserError:
        told = f"the stream cannot be written to {self.folder}: {error.strerror or error}"
        return UserError(f"{told}; make room, or set data.cache or SAD_CACHE to another folder")
