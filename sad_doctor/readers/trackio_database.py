"""trackio's database: one a project, metrics as JSON texts with NaN and Infinity as strings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sad_doctor.readers.database import Database
from sad_doctor.readers.database_run import Row, Store

_METRICS = "SELECT id, step, metrics FROM metrics WHERE run_name = ? AND id > ? ORDER BY id LIMIT ?"


def _runs(database: Database) -> dict[str, str]:
    query = "SELECT run_name FROM metrics GROUP BY run_name ORDER BY max(id) DESC"
    return {str(name): str(name) for (name,) in database.rows(query)}


def _rows(database: Database, run: str, last: int) -> Iterator[tuple[int, Row]]:
    for at, step, metrics in database.after(_METRICS, last, run):
        yield at, {**_object(metrics), "step": step}


def _facts(database: Database, run: str) -> Row:
    told: dict[str, object] = {}
    for (config,) in database.rows("SELECT config FROM configs WHERE run_name = ?", run):
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
