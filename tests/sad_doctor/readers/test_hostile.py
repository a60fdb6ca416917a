"""Logs that were made to hurt: each is read to its end, or refused in one line, with bounded memory and time."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sad_doctor.main import run_doctor
from sad_doctor.readers import Unreadable, databases, open_log, read
from sad_doctor.readers.database import Database
from sad_doctor.readers.wandb_records import Records
from sad_doctor.record import EVENTS, METRICS, RUN
from sad_doctor.request import Request

FRAGMENT = struct.Struct("<IHB")
LINE = '{"step": 1, "train/loss": 2.0}\n'
HOLE = 1 << 34
CONFIGS = "CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT)"


def hole(path: Path, head: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(HOLE)
    return path


def database(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for one in statements:
        connection.execute(one)
    connection.commit()
    connection.close()
    return path


def run_folder(path: Path) -> Path:
    path.mkdir()
    (path / METRICS).write_text(LINE)
    (path / EVENTS).write_text("")
    (path / RUN).write_text("{}")
    return path


@pytest.mark.parametrize("name", [METRICS, EVENTS, RUN])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_run_of_pipes_and_devices_is_not_waited_for(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / name).unlink()
    make(folder / name)
    run = read(folder)
    assert bool(run.columns) == (name != METRICS)


def test_a_pipe_among_mlflows_files_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "params").mkdir()
    (tmp_path / "meta.yaml").write_text("run_name: \x1b[31mx\u202e\nstatus: 3\n")
    (tmp_path / "metrics" / "loss").write_text("1 2.0 3\n")
    os.mkfifo(tmp_path / "metrics" / "pipe")
    os.mkfifo(tmp_path / "params" / "max_steps")
    run = read(tmp_path)
    assert run.name == "x\ufffd"
    assert run.last_step == 3


def test_a_hole_ends_an_event_file(tmp_path: Path) -> None:
    run = read(hole(tmp_path / "events.out.tfevents.1.machine"))
    assert any("is broken at byte 0" in note for note in run.notes)


def test_a_hole_ends_a_file_of_wandb() -> None:
    records = Records()
    records.feed(b":W&B\x00\x00\x00")
    for _ in range(64):
        records.feed(bytes(1 << 18))
    assert records.broken == 7
    assert not records.waits


def test_fragments_of_nothing_are_not_gathered_without_end() -> None:
    """A file of 12 MB held 1.8 million of them; adding up their lengths at each took hours."""
    records = Records()
    middle = FRAGMENT.pack(0, 0, 3)
    records.feed(b":W&B\x00\x00\x00" + middle * 4680)
    assert records.broken is None
    for _ in range(4):
        assert records.feed(bytes(1) + middle * 4681) == []
    assert records.broken is not None
    assert records.feed(middle) == []


def test_zeros_before_a_log_are_not_looked_through_for_ever(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read(hole(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    "metrics",
    [
        "TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT DEFAULT 'a', step INTEGER, "
        "metrics TEXT GENERATED ALWAYS AS (printf('%.*c', 2000000000, 'x')))",
        "VIEW metrics AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c) "
        "SELECT id, 'a' AS run_name, 1 AS step, '{}' AS metrics FROM c",
    ],
    ids=["computed", "view without an end"],
)
def test_what_computes_is_no_table(tmp_path: Path, metrics: str) -> None:
    with pytest.raises(Unreadable, match="not one of MLflow or trackio"):
        read(database(tmp_path / "a.db", f"CREATE {metrics}", CONFIGS))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT printf('%d', 1)",
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c",
        "ATTACH 'other.db' AS other",
        "SELECT load_extension('x')",
        "PRAGMA writable_schema = 1",
    ],
)
def test_a_query_may_only_read(tmp_path: Path, query: str) -> None:
    found = Database(database(tmp_path / "a.db", CONFIGS))
    assert found.tables() == {"configs"}
    with pytest.raises(sqlite3.Error, match=r"prohibited|not authorized"):
        found.rows(query)


def test_a_value_of_many_megabytes_is_refused_and_rows_are_taken_a_few_at_a_time(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "INSERT INTO t VALUES (1, zeroblob(17000000))"
    )
    with pytest.raises(sqlite3.Error, match="too big"):
        Database(path).rows("SELECT id, x FROM t")
    path = database(
        tmp_path / "b.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x)",
        *["INSERT INTO t (x) VALUES (zeroblob(15000000))"] * 18,
    )
    found = Database(path)
    assert len(found.rows("SELECT id, x FROM t")) == 17
    assert [row[0] for row in found.after("SELECT id, x FROM t WHERE id > ? ORDER BY id LIMIT ?", 0)] == [*range(1, 19)]


def test_many_runs_are_listed_at_once(tmp_path: Path) -> None:
    many = (
        "INSERT INTO metrics WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 50000) "
        "SELECT i, 'run' || i, 1, '{}' FROM c"
    )
    table = "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT, step INTEGER, metrics TEXT)"
    (note,) = (one for one in read(database(tmp_path / "a.db", table, CONFIGS, many)).notes if "50000 runs" in one)
    assert len(note) < 1000


@pytest.mark.parametrize(
    "told",
    [b'[doctor]\n"\\u001b[31mx\\u202e" = 1', b"[doctor]\nband = " + b"[" * 100_000, b"a." * 100_000 + b"a = 1"],
    ids=["escapes", "deep", "long key"],
)
def test_settings_in_a_strangers_folder_end_in_one_plain_line(
    tmp_path: Path, told: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "sad.toml").write_bytes(told)
    assert run_doctor(folder, Request(form="report")) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


def test_settings_can_name_no_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "sad.toml").write_text(f'[doctor]\nnotify = ["touch {tmp_path / "left"}"]\n')
    assert run_doctor(folder, Request(form="report")) == 2
    assert "has no notify" in capsys.readouterr().err
    assert not (tmp_path / "left").exists()


def test_settings_of_a_folder_are_told_of(tmp_path: Path) -> None:
    """A stranger may leave rules out: the report says whose settings it follows."""
    folder = run_folder(tmp_path / "run")
    (folder / "sad.toml").write_text('[doctor]\nignore = ["R1"]\n')
    from sad_doctor.visit import _noted

    assert "sad.toml" in _noted(read(folder), folder / "sad.toml").notes[-1]


def test_a_broken_schema_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db", "CREATE TABLE metrics (a)")
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE metrics (a)", b"CREATE TABLE metri \xdf! (a)"))

    with pytest.raises(sqlite3.Error, match="not in UTF-8"):
        Database(path).tables()
    assert databases.runs_in(path) == []
    with pytest.raises(Unreadable, match="the SQLite database cannot be read: malformed"):
        open_log(path)


def test_a_database_that_is_written_to_is_to_be_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = database(tmp_path / "mlflow.db", "CREATE TABLE metrics (a)")

    def locked(_: Database) -> frozenset[str]:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Database, "tables", locked)
    with pytest.raises(Unreadable, match="database is locked; look again when nobody writes to it"):
        open_log(path)


def test_a_database_that_takes_too_long_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sad_doctor.readers import database

    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE numbers (a)")
        made.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(1000)])
    # one query over so many rows takes minutes, and no row of it comes
    query = "SELECT max(x.a + y.a + z.a) FROM numbers x, numbers y, numbers z"
    monkeypatch.setattr(database, "_STEPS", 1 << 60)
    monkeypatch.setattr(database, "SECONDS", 0.2)
    with pytest.raises(sqlite3.Error, match=r"^there is more in it than can be read in 0\.2 seconds$"):
        database.Database(path).rows(query)
    assert len(database.Database(path).rows("SELECT a FROM numbers")) == 1000
