"""A cache for logs that take long to read and are not rows of JSON: the whole run is kept, and read again only if the
log changed.

See :mod:`sad_doctor.readers.cache` for where and how.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from functools import cache as once
from pathlib import Path
from typing import Any

from sad_doctor.readers import cache
from sad_doctor.readers.source import Source
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Event, Run
from sad_doctor.sanitize import sanitize

LEAST = 100_000
"""Bytes below which no log takes long."""
SECONDS = 0.3
"""Seconds of processor time for reading from which on a cache is worth it."""

Marks = list[list[Any]]


def with_cache(
    source: Source, files: Callable[[], Iterable[Path]], lines: Callable[[Path], bool] = lambda _: True
) -> Source:
    """Return ``source`` with a cache, if the ``files`` that it reads are long enough for one.

    ``lines`` tells which of them, where they are text, hold lines of which the last may not be whole yet.
    """
    try:
        whole = sum(path.stat().st_size for path in files())
    except OSError:
        return source
    return Kept(source, files, lines) if whole >= LEAST else source


class Kept:
    """Gives the run that was kept until the log changes, then what ``source`` reads.

    A source that says by ``sound`` that it could not read everything is not kept.
    """

    def __init__(self, source: Source, files: Callable[[], Iterable[Path]], lines: Callable[[Path], bool]) -> None:
        self.source, self._lines = source, lines
        self.pace: Pace = getattr(source, "pace", None) or Pace()
        self._files = files
        self._known: Run | None = None
        self._seen: Marks | None = None
        self._opened = False
        self._spent = 0.0

    @property
    def path(self) -> Path:
        """Where the log lies."""
        return self.source.path

    def poll(self) -> bool:
        """Read all that is new; True if there was anything."""
        seen = self._marks()
        if not self._opened:
            self._opened = True
            self._known = None if seen is None else self._load(seen)
            if self._known is not None:
                self._seen = seen
                return True
        elif self._known is not None and seen == self._seen:
            return False
        self._known, self._seen = None, seen
        begun = time.process_time()
        changed = self.source.poll()
        self._spent += time.process_time() - begun
        return changed

    def run(self) -> Run:
        """Return the run as logged so far."""
        if self._known is not None:
            return self._known
        begun = time.process_time()
        run = self.source.run()
        self._spent += time.process_time() - begun
        # these marks were taken before the reading, so that what came meanwhile makes the cache stale
        if self._spent >= SECONDS and self.pace.share >= 1 and self._seen and self._seen == self._marks():
            self._spent = 0.0
            self._store(run, self._seen)
        return run

    def _marks(self) -> Marks | None:
        """What identifies the files that were read; None if one cannot be looked at."""
        marks = []
        try:
            for path in self._files():
                found = os.stat(path)
                marks.append([path.name, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns])
        except OSError:
            return None
        return marks

    @property
    def _kind(self) -> str:
        return f"run, {type(self.source).__name__}, {_version()}"

    def _load(self, seen: Marks) -> Run | None:
        found = cache.load_whole(self.path, self._kind, seen, list(self._files()))
        if found is None:
            return None
        told, columns = found
        try:
            if any(sanitize(name) != name for name in columns) or not isinstance(told["facts"], dict):
                return None
            return Run(
                name=sanitize(told["name"], 200),
                format=sanitize(told["format"], 200),
                path=self.path,
                columns=columns,
                events=tuple(
                    Event(sanitize(kind), sanitize(said), _number(step), _number(when))
                    for kind, said, step, when in told["events"]
                ),
                facts=told["facts"],
                notes=tuple(sanitize(note) for note in told["notes"]),
                tail=tuple(sanitize(line) for line in told["tail"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return None

    def _store(self, run: Run, seen: Marks) -> None:
        files = list(self._files())
        if not getattr(self.source, "sound", True):
            return
        if not all(_whole_lines(path) for path in files if self._lines(path)):
            return
        events = [[one.kind, one.message, one.step, one.time] for one in run.events]
        told = {"name": run.name, "format": run.format, "notes": list(run.notes), "tail": list(run.tail)}
        state = {**told, "events": events, "facts": _lists(dict(run.facts))}
        try:
            same = repr(json.loads(json.dumps(state))) == repr(state)
        except (TypeError, ValueError, RecursionError):
            return
        if same:
            cache.store_whole(self.path, self._kind, seen, files, state, run.columns)


def _number(told: object) -> float | None:
    if told is None or (isinstance(told, int | float) and not isinstance(told, bool)):
        return told
    raise TypeError(f"no number: {type(told).__name__}")


def _whole_lines(path: Path) -> bool:
    """Whether a file is binary or ends in a newline: half a line may read otherwise once it is whole."""
    try:
        with path.open("rb") as file:
            binary = b"\x00" in file.read(4096)
            file.seek(-1, os.SEEK_END)
            return binary or file.read(1) in b"\n}"
    except OSError:
        return False


def _lists(value: object) -> object:
    """The same value with lists in place of tuples, as JSON would give it back."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


@once
def _version() -> str:
    """A hash of the readers' files: other versions may read the same log otherwise."""
    import hashlib

    found = sorted((one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]
