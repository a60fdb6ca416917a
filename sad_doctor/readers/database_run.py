"""One run of a tracker's database: what the trackers share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

from sad_doctor import names
from sad_doctor.readers.database import Database, Late
from sad_doctor.readers.naming import LENGTHS
from sad_doctor.readers.numbers import number
from sad_doctor.readers.rows import Rows
from sad_doctor.readers.source import Log
from sad_doctor.run import Run
from sad_doctor.sanitize import sanitize
from sad_doctor.sealed import sealed

Row = Mapping[str, object]


@sealed
class Store:
    """How one tracker lays out its database. Each function raises sqlite3.Error.

    ``runs`` gives the name of each run by its id, the newest first; ``rows`` the rows of a run after a rowid, each
    with its own; ``facts`` its configuration and its status. ``noted`` says what was made of a row, or "".
    """

    name: str
    tables: frozenset[str]
    runs: Callable[[Database], dict[str, str]]
    rows: Callable[[Database, str, int], Iterator[tuple[int, Row]]]
    facts: Callable[[Database, str], Row]
    noted: Callable[[Row], str] = field(default=lambda _: "")


class DatabaseRun(Log):
    """Follows one run of a database. A step that is logged again replaces what came from it on."""

    def __init__(self, path: Path, database: Database, store: Store, run: str, name: str) -> None:
        super().__init__(path)
        self._database, self._store, self._id, self._name = database, store, run, name
        self._rows = Rows(last_wins=True)
        self._last = 0
        self._noted: dict[str, int] = {}
        self._trouble, self._more = "", False
        self._facts: dict[str, object] = {}

    @property
    def sound(self) -> bool:
        """Whether all of the database could be read."""
        return not self._trouble

    def _read(self) -> bool:
        if not self._database.changed() and not self._more:
            return False
        self._trouble, self._more = "", False
        try:
            for at, row in self._store.rows(self._database, self._id, self._last):
                self._last = at
                if noted := self._store.noted(row):
                    self._noted[noted] = self._noted.get(noted, 0) + 1
                self._rows.add(row)
            told = self._store.facts(self._database, self._id)
        except sqlite3.Error as error:
            self._trouble = sanitize(str(error), 200)
            # the next look goes on behind the last row that came
            self._more = isinstance(error, Late) or "locked" in self._trouble
            return True
        self._facts = {names.STATUS: told[names.STATUS]} if names.STATUS in told else {}
        lengths = (number(told[key]) for key in LENGTHS if key in told)
        if steps := next((one for one in lengths if one), None):
            self._facts[names.TOTAL_STEPS] = steps
        return True

    def _make_run(self) -> Run:
        notes = [*self._rows.notes, *(f"{count} {noted}" for noted, count in self._noted.items())]
        unread = {names.UNREAD: f"the database could not be read to its end: {self._trouble}"} if self._trouble else {}
        return Run(
            name=sanitize(self._name, 200),
            format=self._store.name,
            path=self.path,
            columns=self._rows.snapshot(),
            facts={names.STATUS: "unknown", **self._facts, **self._rows.facts, **unread},
            notes=tuple(notes),
        )
