"""Read-only access to the SQLite databases that other people's trackers write, while they write them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

_AT_ONCE = 50_000
_LONGEST, _MOST_HELD = 16 << 20, 256 << 20
"""The most bytes of one value, and of all values that are held at once."""
_TABLES = """SELECT name FROM sqlite_master WHERE type = 'table' AND NOT EXISTS
    (SELECT * FROM pragma_table_xinfo(sqlite_master.name) WHERE hidden IN (2, 3))"""
"""A computed column can take any amount of time, and no room in the file."""
_READING = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
_FUNCTIONS = ("max", "min", "count", "coalesce")
_STEPS = 20_000_000
"""Instructions of SQLite after which a query is given up: a stranger's database may hold one that never ends."""


SECONDS = 30.0
"""Seconds that one look at a database may take, all its queries together."""


class Late(sqlite3.OperationalError):
    """A look at the database has used up its time."""

    def __init__(self) -> None:
        super().__init__(f"there is more in it than can be read in {SECONDS:g} seconds")


class Database:
    """One file. Every read is a connection of its own, so that no lock outlives it; the write-ahead log is read too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stat: tuple[tuple[int, int, int], ...] = ()
        self._until = time.monotonic() + SECONDS

    def files(self) -> list[Path]:
        """Return the files that the database consists of now: itself, and what is written but not yet in it."""
        found = [self.path]
        for end in ("-wal", "-journal"):
            path = self.path.with_name(self.path.name + end)
            with suppress(OSError):  # to open a database can make an empty log beside it, in which nothing stands
                found += [path] if path.stat().st_size else []
        return found

    def changed(self) -> bool:
        """Return whether the file or its write-ahead log was written since the last call."""
        found = []
        for path in self.files():
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        # each poll begins here
        self._until = time.monotonic() + SECONDS
        was, self._stat = self._stat, tuple(found)
        return self._stat != was

    def rows(self, query: str, *values: object) -> list[Sequence[Any]]:
        """Return the rows of a query, as many as may be held. Raises sqlite3.Error: locked, no database, no end."""
        return list(self._rows(query, values, _AT_ONCE * 100))

    def after(self, query: str, last: int, *values: object) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query that takes ``values``, the last rowid seen and a limit; its first column is it."""
        while True:
            found = list(self._rows(query, (*values, last, _AT_ONCE), _AT_ONCE))
            if not found:
                return
            yield from found
            last = found[-1][0]

    def tables(self) -> frozenset[str]:
        """Return the names of the tables, without those that compute a column. Raises sqlite3.Error."""
        return frozenset(str(name) for (name,) in self.rows(_TABLES))

    def _rows(self, query: str, values: Sequence[object], most: int) -> Iterator[Sequence[Any]]:
        where = f"file:{quote(str(self.path.resolve()))}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=2.0)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            connection.set_authorizer(_allowed)
            counted = [0]

            def tick() -> int:
                counted[0] += 1
                return int(counted[0] > _STEPS // 10_000 or time.monotonic() > self._until)

            connection.set_progress_handler(tick, 10_000)
            held = 0
            for number, row in enumerate(self._executed(connection, query, values)):
                if time.monotonic() > self._until:
                    raise Late
                held += sum(len(value) for value in row if isinstance(value, str | bytes))
                if number >= most or held > _MOST_HELD:
                    return
                yield row

    def _executed(
        self, connection: sqlite3.Connection, query: str, values: Sequence[object]
    ) -> Iterator[Sequence[Any]]:
        try:
            yield from connection.execute(query, tuple(values))
        except UnicodeDecodeError:  # SQLite quotes a broken schema, whose bytes Python cannot decode
            raise sqlite3.DatabaseError("malformed database schema, not in UTF-8") from None
        except sqlite3.OperationalError:
            if time.monotonic() > self._until:
                raise Late from None
            raise


def _allowed(action: int, one: str | None, other: str | None, _database: str | None, _inside: str | None) -> int:
    """Let a query read, and call a few functions that a schema cannot make expensive."""
    harmless = action in _READING or (action == sqlite3.SQLITE_FUNCTION and other in _FUNCTIONS)
    harmless = harmless or (action == sqlite3.SQLITE_PRAGMA and one == "table_xinfo")
    # what the library asks for to look at a table; the file is open for reading only
    harmless = harmless or (action == sqlite3.SQLITE_UPDATE and one == "sqlite_master")
    return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY
