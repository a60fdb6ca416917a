"""A database of which a look does not see the end is read on by the next; others are in test_foreign.py."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sad_doctor import names
from sad_doctor.readers import databases, open_log, trackio_database
from sad_doctor.readers.database import Database, Late
from sad_doctor.readers.database_run import Row


@pytest.mark.parametrize("error", [Late(), sqlite3.OperationalError("database is locked")])
def test_the_next_look_goes_on_where_one_was_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: sqlite3.Error
) -> None:
    """The file has not changed since: what is behind the look is in it all the same."""
    path = tmp_path / "project.db"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT, step INTEGER, metrics TEXT)")
        made.execute("CREATE TABLE configs (run_name TEXT, config TEXT)")
        rows = [("a", step, json.dumps({"loss": 2.5})) for step in range(40)]
        made.executemany("INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)", rows)
    looks = iter((10, 20, 99))

    def ended(database: Database, run: str, last: int) -> Iterator[tuple[int, Row]]:
        until = next(looks)
        for at, row in trackio_database.STORE.rows(database, run, last):
            if at > until:
                raise error
            yield at, row

    monkeypatch.setattr(databases, "STORES", (replace(trackio_database.STORE, rows=ended),))
    source, seen = open_log(path), []
    while source.poll():
        seen.append((source.run().last_step, str(source.run().facts.get(names.UNREAD, ""))))
    unread = f"the database could not be read to its end: {error}"
    assert seen == [(9, unread), (19, unread), (39, "")]
