import json
import sqlite3
from contextlib import closing

import pytest

from sad_doctor.readers import Unreadable, read
from sad_doctor.readers.databases import runs_in

IDS = ("0a1b2c3d", "4e5f6a7b")


@pytest.fixture
def twice(tmp_path):
    """A project in which one name was given to two runs, as newer versions allow: each has an id."""
    path = tmp_path / "project.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id, run_name, step INTEGER, metrics)")
        connection.execute("CREATE TABLE configs (run_id, run_name, config)")
        for run, loss in zip(IDS, (5.0, 3.0), strict=True):
            rows = [(run, "distil", step, json.dumps({"loss": loss})) for step in range(30)]
            connection.executemany("INSERT INTO metrics (run_id, run_name, step, metrics) VALUES (?, ?, ?, ?)", rows)
            config = json.dumps({"max_steps": int(loss * 10)})
            connection.execute("INSERT INTO configs VALUES (?, ?, ?)", (run, "distil", config))
        connection.commit()
    return path


@pytest.mark.parametrize(("run", "loss"), zip(IDS, (5.0, 3.0), strict=True))
def test_runs_of_one_name_are_told_apart_by_their_ids(twice, run, loss):
    told = read(twice / run)

    assert set(told.columns["train/loss"].value.tolist()) == {loss}
    assert told.facts["total_steps"] == loss * 10


def test_the_newest_is_read_and_the_others_are_named(twice):
    assert read(twice).columns["train/loss"].last == 3.0
    assert [path.name for path in runs_in(twice)] == [IDS[1], IDS[0]]


def test_a_name_that_two_have_is_asked_back(twice):
    with pytest.raises(Unreadable, match="2 runs have this name"):
        read(twice / "distil")


def test_rows_that_hold_no_metric_are_told(twice):
    with closing(sqlite3.connect(twice)) as connection:
        rows = [(IDS[0], "distil", 30 + n, "{}") for n in range(2)]
        connection.executemany("INSERT INTO metrics (run_id, run_name, step, metrics) VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    assert "2 rows held no metric and were left out" in read(twice / IDS[0]).notes
