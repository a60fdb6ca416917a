"""trackio's database: one a project, metrics as JSON texts with NaN and Infinity as strings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sad_doctor.readers.database import Database
from sad_doctor.readers.database_run import Row, Store

_METRICS = """SELECT id, step, metrics FROM metrics WHERE id IN
    (SELECT id FROM metrics WHERE {key} = ? AND id > ? ORDER BY id LIMIT ?) ORDER BY id"""
"""Which rows they are is asked first: an index tells that, and what is sorted then is short."""
_NAMES = "SELECT {key}, max(run_name) FROM metrics GROUP BY {key} ORDER BY max(id) DESC"


def _key(database: Database, table: str) -> str:
    """The column that tells runs apart: newer versions give each an id, and one name may be used again."""
    found = {str(row[1]) for row in database.rows(f"PRAGMA table_xinfo({table})")}
    return "run_id" if "run_id" in found else "run_name"


def _runs(database: Database) -> dict[str, str]:
    query = _NAMES.format(key=_key(database, "metrics"))
    return {str(one): str(name) for one, name in database.rows(query)}


def _rows(database: Database, run: str, last: int) -> Iterator[tuple[int, Row]]:
    for at, step, metrics in database.after(_METRICS.format(key=_key(database, "metrics")), last, run):
        yield at, {**_object(metrics), "step": step}


def _facts(database: Database, run: str) -> Row:
    told: dict[str, object] = {}
    query = f"SELECT config FROM configs WHERE {_key(database, 'configs')} = ?"
    for (config,) in database.rows(query, run):
        told |= {key: value for key, value in _object(config).items() if key != "status"}
    return told


def _noted(row: Row) -> str:
    return "" if len(row) > 1 else "rows held no metric and were left out"


def _object(told: object) -> dict[str, object]:
    try:
        found = json.loads(told) if isinstance(told, str | bytes) else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


STORE = Store("trackio database", frozenset({"metrics", "configs"}), _runs, _rows, _facts, _noted)
