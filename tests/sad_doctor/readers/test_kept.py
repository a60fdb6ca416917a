"""A log that takes long is opened from what was kept of it, if it still is what was read."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace

import pytest

from sad_doctor.readers import Unreadable, cache, kept, open_log, read, settle, trackio_database
from sad_doctor.readers.kept import Kept
from sad_doctor.readers.renamed import Named

LOGS = {
    "csv": "runs/metrics.csv",
    "console": "runs/run2.log",
    "state": "runs/trainer_state.json",
    "events": "foreign/tensorboard",
    "wandb": "foreign/run-foreign.wandb",
    "mlflow database": "foreign/mlflow.db",
    "mlflow files": "foreign/mlruns/856728010545010617/ae1b195f60434a92a29b7ea226c9c430",
    "trackio database": "foreign/trackio/distil.db",
}


@pytest.fixture(autouse=True)
def cached(tmp_path, monkeypatch):
    """Even the shortest log is worth a cache here."""
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "LEAST", 1)
    monkeypatch.setattr(kept, "SECONDS", -1.0)
    return tmp_path / "cache" / "doctor"


@pytest.fixture(params=LOGS)
def log(request, runs, tmp_path):
    path = runs.parent / LOGS[request.param]
    copy = tmp_path / path.name
    return shutil.copytree(path, copy) if path.is_dir() else shutil.copy(path, copy)


def files(log):
    if not log.is_dir():
        return [log]
    return sorted(one for one in log.rglob("*") if one.is_file() and "params" not in one.parts)


def uncached(log, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kept, "LEAST", 1 << 40)
        return read(log)


def from_cache(log):
    """The run and whether it came from the cache."""
    source = open_log(log)
    source.poll()
    settle(source)
    while isinstance(source, Named):
        source = source.source
    assert isinstance(source, Kept)
    return source.run(), source._known is not None


def test_what_other_readers_kept_is_read_anew(runs, tmp_path, monkeypatch):
    log = shutil.copy(runs / "metrics.csv", tmp_path)
    assert [from_cache(log)[1] for _ in range(2)] == [False, True]
    (other := tmp_path / "readers").mkdir()
    (other / "kept.py").write_text("an older version")
    monkeypatch.setattr(kept, "__file__", str(other / "kept.py"))
    kept._version.cache_clear()
    try:
        assert not from_cache(log)[1]
    finally:
        kept._version.cache_clear()


def test_a_second_opening_tells_the_same_and_reads_nothing(log, same, monkeypatch):
    expected = uncached(log, monkeypatch)
    first, known = from_cache(log)
    assert not known
    again, known = from_cache(log)
    assert known
    for run in (first, again):
        same(run, expected)
        assert run.path == expected.path


@pytest.mark.parametrize("change", ["touched", "grown", "cut", "replaced"])
def test_a_log_that_changed_is_read_again(log, change, same, monkeypatch):
    from_cache(log)
    one = files(log)[-1]
    before = one.stat()
    data = one.read_bytes()
    if change == "touched":
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "grown":
        one.write_bytes(data + data[-40:])
    elif change == "cut":
        one.write_bytes(data[: len(data) // 2])
    else:
        # other bytes in the same file, with its size and its time
        with one.open("r+b") as file:
            file.write(data.replace(b"2", b"3"))
        os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        expected = uncached(log, monkeypatch)
    except Unreadable:  # half a database is none
        with pytest.raises(Unreadable):
            from_cache(log)
        return
    run, known = from_cache(log)
    assert not known
    same(run, expected)


def test_what_comes_after_it_is_followed(runs, write, same, monkeypatch):
    log = write("a.csv", (runs / "metrics.csv").read_bytes())
    from_cache(log)
    source = open_log(log)
    assert source.poll()
    first = source.run()
    assert not source.poll()
    assert source.run() is first
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[-1] + "\n")
    assert source.poll()
    same(source.run(), uncached(log, monkeypatch))


def test_a_line_without_its_end_is_not_kept(write, cached):
    log = write("a.csv", "step,loss\n" + "".join(f"{n},1.5\n" for n in range(30)) + "30,1.5")
    assert read(log).last_step == 30
    assert not cached.exists()


@pytest.mark.parametrize("damage", range(0, 100, 7))
def test_a_broken_cache_is_done_without(damage, runs, write, cached, same, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    (place,) = cached.iterdir()
    data = bytearray(place.read_bytes())
    at = len(data) * damage // 100
    place.write_bytes(data[:at] if damage % 2 else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
    run, known = from_cache(log)
    assert not known
    same(run, uncached(log, monkeypatch))


def test_other_readers_keep_other_runs(runs, write, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    monkeypatch.setattr(kept, "_version", lambda: "another")
    assert not from_cache(log)[1]


def test_a_place_that_cannot_be_written_is_done_without(runs, write, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SAD_CACHE", str(tmp_path / "file"))
    log = write("a.log", (runs / "run2.log").read_bytes())
    assert from_cache(log)[0].columns.keys() == from_cache(log)[0].columns.keys()


def test_what_is_quick_to_read_is_not_kept(runs, write, cached, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 1e9)
    read(write("a.log", (runs / "run2.log").read_bytes()))
    assert not cached.exists()
    monkeypatch.setattr(kept, "LEAST", 1 << 40)
    assert not isinstance(open_log(write("b.csv", (runs / "metrics.csv").read_bytes())), Kept)


def test_all_caches_together_have_a_bound(runs, write, cached, monkeypatch):
    for number in range(6):
        read(write(f"{number}.log", (runs / "run2.log").read_bytes()))
        time.sleep(0.002)
    sizes = [one.stat().st_size for one in cached.iterdir()]
    assert len(sizes) == 6
    old = cached / ".old.1.tmp"
    old.write_text("")
    os.utime(old, (1e9, 1e9))
    (cached / ".new.1.tmp").write_text("")
    monkeypatch.setattr(cache, "MOST_BYTES", 3 * max(sizes))
    read(write("6.log", (runs / "run2.log").read_bytes()))
    left = [one for one in cached.iterdir() if one.suffix != ".tmp"]
    assert 2 <= len(left) <= 3
    assert from_cache(write("6.log", (runs / "run2.log").read_bytes()))[0].name == "6.log"
    assert [one.name for one in cached.iterdir() if one.suffix == ".tmp"] == [".new.1.tmp"]


@pytest.mark.parametrize("step", ["3", True, [1]])
def test_an_event_of_a_cache_whose_step_is_no_number_is_not_believed(step, runs, write, same, monkeypatch):
    log = write("a.log", (runs / "run2.log").read_bytes())
    from_cache(log)
    loads = cache.load_whole

    def broken(*asked):
        state, columns = loads(*asked)
        return state | {"events": [["warning", "a text", step, None]]}, columns

    monkeypatch.setattr(cache, "load_whole", broken)
    run, known = from_cache(log)
    assert not known
    same(run, uncached(log, monkeypatch))


def database(path, runs, rows=40):
    """A trackio database in write-ahead mode, and the connection that holds it open."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name TEXT, step INTEGER, metrics TEXT)")
    connection.execute("CREATE TABLE configs (run_name TEXT, config TEXT)")
    for run in runs:
        log_to(connection, run, range(rows))
    return connection


def log_to(connection, run, steps, loss=1.5):
    query = "INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)"
    connection.executemany(query, [(run, step, json.dumps({"loss": loss + len(run)})) for step in steps])
    connection.commit()


def test_what_is_in_the_write_ahead_log_alone_is_noticed(tmp_path, same, monkeypatch):
    path = tmp_path / "project.db"
    with closing(database(path, ["a"])) as connection:
        assert not from_cache(path)[1]
        assert from_cache(path)[1]
        before = path.stat()
        log_to(connection, "a", range(40, 50))
        assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        run, known = from_cache(path)
        assert not known
        assert run.last_step == 49
        same(run, uncached(path, monkeypatch))


def test_each_run_of_a_database_has_a_cache_of_its_own(tmp_path):
    path = tmp_path / "project.db"
    database(path, ["a", "bb"]).close()
    for _ in range(2):
        told = {name: from_cache(path / name) for name in ("a", "bb")}
        assert {name: run.columns["train/loss"].last for name, (run, _) in told.items()} == {"a": 2.5, "bb": 3.5}
    assert all(known for _, known in told.values())


def test_a_database_that_could_not_be_read_to_its_end_is_not_kept(tmp_path, cached, monkeypatch):
    path = tmp_path / "project.db"
    database(path, ["a"]).close()

    def rows(*_):
        raise sqlite3.OperationalError("database is locked")
        yield

    with monkeypatch.context() as patch:
        patch.setattr("sad_doctor.readers.databases.STORES", (replace(trackio_database.STORE, rows=rows),))
        assert "not be read to its end: database is locked" in from_cache(path)[0].facts["unread"]
    assert not cached.exists()
    assert from_cache(path)[0].last_step == 39


def test_a_parameter_that_comes_later_is_noticed(runs, tmp_path):
    log = tmp_path / "run"
    shutil.copytree(runs.parent / LOGS["mlflow files"], log)
    (log / "params" / "total_steps").unlink()
    assert "total_steps" not in from_cache(log)[0].facts
    assert from_cache(log)[1]
    (log / "params" / "total_steps").write_text("400")
    run, known = from_cache(log)
    assert not known
    assert run.facts["total_steps"] == 400


def test_a_line_of_mlflow_without_its_end_is_not_kept(runs, tmp_path, cached):
    log = tmp_path / "run"
    shutil.copytree(runs.parent / LOGS["mlflow files"], log)
    loss = log / "metrics" / "train" / "loss"
    loss.write_bytes(loss.read_bytes().rstrip(b"\n"))
    from_cache(log)
    assert not cached.exists()
