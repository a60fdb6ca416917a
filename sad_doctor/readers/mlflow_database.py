"""MLflow's database (`mlflow.db`), its default store since 3.7.

It cannot hold what is not finite: NaN is written as 0 with a mark beside it, an infinity as the largest float. Both
are read as what they were.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

from sad_doctor import names
from sad_doctor.readers.database import Database
from sad_doctor.readers.database_run import Row, Store

STATUS = {"FINISHED": "finished", "FAILED": "crashed", "KILLED": "interrupted", "RUNNING": "running"}
"""MLflow's words for how a run stands, and ours."""

_METRICS = "SELECT rowid, key, value, is_nan, step FROM metrics WHERE run_uuid = ? AND rowid > ? ORDER BY rowid LIMIT ?"


def value_of(value: float, is_nan: object) -> float:
    """Return what was logged, from what the store made of it."""
    if is_nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value


def _runs(database: Database) -> dict[str, str]:
    query = "SELECT run_uuid, name FROM runs WHERE lifecycle_stage = 'active' ORDER BY start_time DESC"
    return {str(key): str(name or key) for key, name in database.rows(query)}


def _rows(database: Database, run: str, last: int) -> Iterator[tuple[int, Row]]:
    for at, key, value, is_nan, step in database.after(_METRICS, last, run):
        if isinstance(value, int | float):
            yield at, {"step": step, str(key): value_of(float(value), is_nan)}


def _facts(database: Database, run: str) -> Row:
    params = database.rows("SELECT key, value FROM params WHERE run_uuid = ?", run)
    status = database.rows("SELECT status FROM runs WHERE run_uuid = ?", run)
    told = {str(key): value for key, value in params}
    return {**told, names.STATUS: STATUS.get(str(status[0][0]) if status else "", "unknown")}


def _noted(row: Row) -> str:
    nan = any(value != value for value in row.values())
    return "values that MLflow keeps as 0 were logged as NaN: they are read as NaN" if nan else ""


STORE = Store("MLflow database", frozenset({"metrics", "runs", "params"}), _runs, _rows, _facts, _noted)
