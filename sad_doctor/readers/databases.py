"""Opens a run of a database: the only one in it, or the one that is named behind the file, `mlflow.db/NAME`."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sad_doctor.clean import clean
from sad_doctor.readers import mlflow_database, trackio_database
from sad_doctor.readers.database import MAGIC, Database
from sad_doctor.readers.database_run import DatabaseRun, Store
from sad_doctor.readers.source import Unreadable

STORES: tuple[Store, ...] = (mlflow_database.STORE, trackio_database.STORE)
_SHOWN = 5


def is_database(path: Path) -> bool:
    """Return whether the file at ``path`` is an SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def open_run(path: Path, wanted: str | None = None) -> DatabaseRun:
    """Return the run of the database at ``path`` whose name or id is ``wanted``.

    Raises Unreadable: no tracker's database, no run in it, no such run, or several to choose from.
    """
    database, told = Database(path), clean(str(path), 300)
    try:
        tables = database.tables()
        store = next((one for one in STORES if one.tables <= tables), None)
        if store is None:
            known = " or ".join(one.name.removesuffix(" database") for one in STORES)
            raise Unreadable(f"{told}: an SQLite database, but not one of {known}")
        runs = store.runs(database)
    except sqlite3.Error as error:
        raise Unreadable(f"{told}: the SQLite database cannot be read: {_line(error)}") from None
    chosen = [key for key, name in runs.items() if wanted is None or wanted in (key, name)]
    if len(chosen) == 1:
        return DatabaseRun(path if wanted is None else path / wanted, database, store, chosen[0], runs[chosen[0]])
    if not runs:
        raise Unreadable(f"{told}: a {store.name} without a run in it")
    if not chosen:
        raise Unreadable(f"{told}: no run {clean(wanted or '', 100)!r} in it; it has {_listed(path, runs.values())}")
    named = Counter(runs.values())
    keys = [key if named[runs[key]] > 1 else runs[key] for key in chosen]
    raise Unreadable(f"{told}: {len(chosen)} runs in this database, name one of them: {_listed(path, keys)}")


def _listed(path: Path, names: Iterable[str]) -> str:
    every = [clean(f"{path.name}/{name}", 120) for name in names]
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def _line(error: sqlite3.Error) -> str:
    """What SQLite says on one line: it quotes a schema as it is written."""
    return clean(" ".join(str(error).split()), 200)
