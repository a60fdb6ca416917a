"""Rows of a JSON lines file, with the cache of a long one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sad_doctor.readers import cache
from sad_doctor.readers.json_objects import JsonObjects, Row
from sad_doctor.readers.ranked_rows import RankedRows
from sad_doctor.readers.tail import Pace


class CachedRows:
    """Follows a file of JSON objects as rows.

    A long file is opened from its cache, if there is one that is right, and what it told is kept when its end is
    reached and much of it was new. ``last_wins`` as in :class:`RankedRows`.
    """

    def __init__(self, path: Path, pace: Pace, last_wins: bool = False) -> None:
        self.rows = RankedRows(last_wins)
        self._path = path
        self._last_wins = last_wins
        self._kind = f"rows, {'the last wins' if last_wins else 'all kept'}"
        self._file = JsonObjects(path, self._add, self._reset, pace, self._add_all)
        self._opened = False
        self._kept = 0

    def poll(self) -> bool:
        """Read all that is new; True if there was anything."""
        restored = False
        if not self._opened:
            self._opened = True
            restored = self._restore()
        changed = self._file.poll()
        place = self._file.place
        if changed and place is not None and place - self._kept >= cache.LEAST and self._at_end(place):
            self._kept = place
            state = {"rows": self.rows.state(), "lines": self._file.state()}
            cache.store(self._path, self._kind, place, state, self.rows.snapshot())
        return changed or restored

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each kind of thing that was left out."""
        return self._file.notes

    def _restore(self) -> bool:
        try:
            if self._path.stat().st_size < cache.LEAST:
                return False
            found = cache.load(self._path, self._kind)
            if found is None:
                return False
            place, state, columns = found
            rows = RankedRows.restored(self._last_wins, state["rows"], columns)
            self._file.resume(place, state["lines"])
        except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return False
        self.rows, self._kept = rows, place
        return True

    def _at_end(self, place: int) -> bool:
        try:
            return self._path.stat().st_size == place
        except OSError:
            return False

    def _add(self, row: Row) -> bool:
        return self.rows.add(row)

    def _add_all(self, rows: Sequence[Row]) -> int:
        return self.rows.add_all(rows)

    def _reset(self) -> None:
        self.rows, self._kept = RankedRows(self._last_wins), 0
