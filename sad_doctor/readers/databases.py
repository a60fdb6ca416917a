"""Opens a run of a database: the newest in it, or the one that is named behind the file, `mlflow.db/NAME`."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from sad_doctor.readers import mlflow_database, trackio_database
from sad_doctor.readers.database import Database
from sad_doctor.readers.database_run import DatabaseRun, Store
from sad_doctor.readers.kept import with_cache
from sad_doctor.readers.renamed import Named
from sad_doctor.readers.source import Source, Unreadable
from sad_doctor.sanitize import sanitize

STORES: tuple[Store, ...] = (mlflow_database.STORE, trackio_database.STORE)
_SHOWN = 5


def runs_in(path: Path) -> list[Path]:
    """Return how each run of a database is named, the newest first; none where it cannot be read."""
    try:
        _, runs = _looked(Database(path), sanitize(str(path), 300))
    except Unreadable:
        return []
    return [path / key for key in _keys(runs)]


def open_run(path: Path, wanted: str | None = None) -> Source:
    """Return the run of the database at ``path`` whose name or id is ``wanted``, of several the newest for None.

    Raises Unreadable: no tracker's database, no run in it, no such run, or several of the name.
    """
    database, told = Database(path), sanitize(str(path), 300)
    store, runs = _looked(database, told)
    chosen = [key for key, name in runs.items() if wanted is None or wanted in (key, name)]
    if not runs:
        raise Unreadable(f"{told}: a {store.name} without a run in it: name one that holds some")
    if not chosen:
        raise Unreadable(f"{told}: no run {sanitize(wanted or '', 100)!r} in it; it has {_listed(path, runs.values())}")
    if len(chosen) == 1:
        return _run(path if wanted is None else path / wanted, database, store, chosen[0], runs[chosen[0]])
    keys = dict(zip(runs, _keys(runs), strict=True))
    if wanted is not None:
        every = _listed(path, [keys[one] for one in chosen])
        raise Unreadable(f"{told}: {len(chosen)} runs have this name: name one of them by its id: {every}")
    newest, *others = chosen
    note = (
        f"{len(chosen)} runs in this database: the newest was chosen, {_listed(path, [keys[newest]])}; "
        f"to see another one, name it: {_listed(path, [keys[one] for one in others])}"
    )
    return Named(_run(path / keys[newest], database, store, newest, runs[newest]), {}, None, (note,))


def _run(path: Path, database: Database, store: Store, key: str, name: str) -> Source:
    return with_cache(DatabaseRun(path, database, store, key, name), database.files)


def _keys(runs: Mapping[str, str]) -> list[str]:
    """How each run can be named: by its name where no other has it and it may stand in a path, else by its id."""
    named = Counter(runs.values())
    return [name if named[name] == 1 and "/" not in name and name.strip(".") else key for key, name in runs.items()]


def _looked(database: Database, told: str) -> tuple[Store, dict[str, str]]:
    """The kind of a database and the names of its runs by their ids. Raises Unreadable."""
    try:
        tables = database.tables()
        store = next((one for one in STORES if one.tables <= tables), None)
        if store is None:
            known = " or ".join(one.name.removesuffix(" database") for one in STORES)
            raise Unreadable(f"{told}: an SQLite database, but not one of {known}: export the run as JSON lines or CSV")
        return store, store.runs(database)
    except sqlite3.Error as error:
        what = "look again when nobody writes to it" if "locked" in str(error) else "copy it again"
        raise Unreadable(f"{told}: the SQLite database cannot be read: {_line(error)}; {what}") from None


def _listed(path: Path, names: Iterable[str]) -> str:
    every = [sanitize(f"{path.name}/{name}", 120) for name in names]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def _line(error: sqlite3.Error) -> str:
    """What SQLite says on one line: it quotes a schema as it is written."""
    return sanitize(" ".join(str(error).split()), 200)
