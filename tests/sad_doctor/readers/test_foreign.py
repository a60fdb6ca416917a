"""One run, written by five libraries: every reader gives the numbers that went in."""

import contextlib
import json
import math
import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.readers import Unreadable, open_log, read, several

COLUMNS = {
    "train/loss": "train/loss",
    "train/kd_loss": "train/raw/kd",
    "train/lm_loss": "train/raw/lm",
    "train/hidden_loss": "train/raw/layerwise",
    "train/learning_rate": "train/lr",
    "train/grad_norm": "train/grad_norm",
    "eval/perplexity": "eval/perplexity",
}
RESUMED = ("tensorboard", "mlflow.db", "mlruns")
ONCE = ("tensorboardx", "run-foreign.wandb", "trackio/distil.db")


def truth(foreign, resumed):
    """The value of each metric at each step, the later one where a step was logged twice."""
    found = {}
    lines = [json.loads(line) for line in (foreign / "truth.jsonl").read_text().splitlines()]
    for line in lines if resumed else lines[:40]:
        step = line.pop("step")
        for name, value in line.items():
            found.setdefault(COLUMNS[name], {})[step] = value
    return found


@pytest.mark.parametrize("name", RESUMED + ONCE)
def test_the_numbers_are_those_that_went_in(foreign, name):
    run = read(foreign / name)
    wanted = truth(foreign, name in RESUMED)
    assert set(wanted) == set(run.columns) - {"nested/share"}
    for column, values in wanted.items():
        got = run.columns[column]
        assert got.step.tolist() == list(values)
        # TensorBoard keeps 32 bits
        np.testing.assert_allclose(got.value, list(values.values()), rtol=1e-7)


@pytest.mark.parametrize("name", RESUMED)
def test_a_gradient_norm_that_was_no_number_is_none(foreign, name):
    column = read(foreign / name).columns["train/grad_norm"]
    assert column.step[np.isnan(column.value)].tolist() == [47.0]


def test_the_store_that_writes_nan_as_zero_is_told(foreign):
    assert any("keeps as 0" in note for note in read(foreign / "mlflow.db").notes)


def test_what_else_the_trackers_know(foreign):
    facts = {name: dict(read(foreign / name).facts) for name in RESUMED + ONCE}
    assert {name for name, told in facts.items() if told["status"] == "finished"} == {
        "run-foreign.wandb",
        "mlflow.db",
        "mlruns",
    }
    assert {name for name, told in facts.items() if told.get("total_steps") == 60} == {
        "run-foreign.wandb",
        "mlflow.db",
        "mlruns",
        "trackio/distil.db",
    }
    assert read(foreign / "run-foreign.wandb").name == "foreign"
    assert "printed by the run" in read(foreign / "run-foreign.wandb").tail


def test_the_numbers_of_a_mapping_are_columns_too(foreign):
    assert read(foreign / "run-foreign.wandb").columns["nested/share"].last == 0.5


@pytest.mark.parametrize("name", ["run-foreign.wandb", "tensorboardx/events.out.tfevents.1700000000.host"])
def test_a_file_that_grows_by_a_few_bytes_gives_the_same(foreign, tmp_path, name):
    data = (foreign / name).read_bytes()
    copy = tmp_path / name.rpartition("/")[2]
    copy.write_bytes(data[:100])
    source = open_log(copy)
    for end in [*range(100, len(data), 997), len(data)]:
        with copy.open("r+b") as file:
            file.write(data[:end])
        source.poll()
        source.run()
    whole = read(foreign / name)
    assert {n: c.value.tolist() for n, c in source.run().columns.items()} == {
        n: c.value.tolist() for n, c in whole.columns.items()
    }
    assert source.run().notes == whole.notes


@pytest.mark.parametrize("name", ["run-foreign.wandb", "tensorboardx/events.out.tfevents.1700000000.host"])
def test_broken_bytes_end_the_reading_and_are_told(foreign, tmp_path, name):
    data = bytearray((foreign / name).read_bytes())
    data[6000:6200] = b"\xff" * 200
    copy = tmp_path / name.rpartition("/")[2]
    copy.write_bytes(data)
    run = read(copy)
    assert any("broken" in note or "could not be read" in note for note in run.notes)
    assert len(run.columns["train/loss"]) >= 5


def test_a_file_cut_short_gives_what_is_whole(foreign, tmp_path):
    for name, path in (("a.wandb", foreign / "run-foreign.wandb"), ("b", next((foreign / "tensorboardx").iterdir()))):
        copy = tmp_path / (name if name.endswith("wandb") else path.name)
        data = path.read_bytes()
        for share in (0.3, 0.5, 0.9):
            copy.write_bytes(data[: int(share * len(data))])
            assert 5 < len(read(copy).columns["train/loss"]) < 40


def test_a_replaced_file_is_read_afresh(foreign, tmp_path):
    first, second = (foreign / "tensorboard" / f"events.out.tfevents.170000000{n}.host.1.{n}" for n in (0, 1))
    copy = tmp_path / first.name
    shutil.copy(first, copy)
    source = open_log(copy)
    source.poll()
    assert source.run().last_step == 40
    other = tmp_path / "other"
    shutil.copy(second, other)
    other.replace(copy)
    assert source.poll()
    assert source.run().first_step == 37


def test_a_second_event_file_joins_the_run(foreign, tmp_path):
    first, second = (foreign / "tensorboard" / f"events.out.tfevents.170000000{n}.host.1.{n}" for n in (0, 1))
    shutil.copy(first, tmp_path)
    source = open_log(tmp_path)
    source.poll()
    assert source.run().last_step == 40
    assert not source.poll()
    shutil.copy(second, tmp_path)
    assert source.poll()
    assert source.run().last_step == 60
    assert math.isnan(source.run().columns["train/grad_norm"].at(47))


def test_a_database_grows_under_its_reader(foreign, tmp_path):
    copy = tmp_path / "mlflow.db"
    shutil.copy(foreign / "mlflow.db", copy)
    source = open_log(copy)
    source.poll()
    with closing(sqlite3.connect(copy)) as database, database:
        (run,) = database.execute("SELECT run_uuid FROM runs").fetchone()
        for step, value, is_nan in ((61, 1.7976931348623157e308, 0), (62, 0.0, 1), (63, 0.5, 0)):
            row = ("train/loss", value, 1, run, step, is_nan)
            database.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)", row
            )
    assert source.poll()
    added = source.run().columns["train/loss"].value[-3:].tolist()
    assert added[0] == math.inf
    assert math.isnan(added[1])
    assert added[2] == 0.5


def test_the_run_of_a_database_can_be_named(foreign, tmp_path):
    assert read(foreign / "mlflow.db" / "sqlite").last_step == 60
    with pytest.raises(Unreadable, match="no run 'other' in it; it has"):
        open_log(foreign / "mlflow.db" / "other")
    copy = tmp_path / "mlflow.db"
    shutil.copy(foreign / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as database, database:
        database.execute("INSERT INTO runs SELECT 'b', 'second', source_type, source_name, entry_point_name, user_id,"
                         " status, 1, 1, '', lifecycle_stage, '', experiment_id, NULL FROM runs")  # fmt: skip
    run = read(copy)
    assert run.name == "sqlite"
    assert run.notes[-1] == (
        "2 runs in this database: the newest was chosen, mlflow.db/sqlite; to see another one, name it: "
        "mlflow.db/second"
    )
    assert several(copy) == several(tmp_path) == [copy / "sqlite", copy / "second"]
    assert read(copy / "second").name == "second"


def test_runs_whose_names_are_alike_or_no_part_of_a_path_are_named_by_their_ids(foreign, tmp_path):
    copy = tmp_path / "mlflow.db"
    shutil.copy(foreign / "mlflow.db", copy)
    with closing(sqlite3.connect(copy)) as database, database:
        for key, name in (("a", "twice"), ("b", "twice"), ("c", "x/y"), ("d", "..")):
            database.execute(
                "INSERT INTO runs SELECT ?, ?, source_type, source_name, entry_point_name, user_id, status, 1, 1, '',"
                " lifecycle_stage, '', experiment_id, NULL FROM runs LIMIT 1",
                (key, name),
            )
    assert [one.name for one in several(copy)] == ["sqlite", "a", "b", "c", "d"]
    assert [read(one).name for one in several(copy)[2:]] == ["twice", "x/y", ".."]
    with pytest.raises(Unreadable, match=r"2 runs have this name: name one of .*: mlflow\.db/a, mlflow\.db/b"):
        open_log(copy / "twice")


def test_a_database_of_something_else_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as database, database:
        database.execute("CREATE TABLE cats (name TEXT)")
    with pytest.raises(Unreadable, match="an SQLite database, but not one of MLflow or trackio"):
        open_log(tmp_path / "x.db")
    (tmp_path / "y.db").write_bytes(b"SQLite format 3\x00" + b"garbage" * 300)
    with pytest.raises(Unreadable, match="cannot be read"):
        open_log(tmp_path / "y.db")


def test_a_query_without_an_end_is_given_up(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as database, database:
        database.execute("CREATE TABLE params (a)")
        database.execute("CREATE TABLE runs (run_uuid, name, status, start_time, lifecycle_stage)")
        database.execute("CREATE TABLE metrics (a)")
        database.execute("INSERT INTO metrics VALUES (1)")
        database.execute("INSERT INTO runs VALUES ('a', 'a', 'FINISHED', 1, 'active')")
        database.execute("DROP TABLE runs")
        database.execute("CREATE TABLE runs_ (x)")
        database.execute(
            "CREATE VIEW runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS run_uuid, i AS name, 'active' AS lifecycle_stage, i AS start_time FROM n"
        )
    with pytest.raises(Unreadable):
        open_log(tmp_path / "x.db")


def test_folders_lead_to_the_run_in_them(foreign, tmp_path):
    assert read(foreign / "mlruns").format == "MLflow files"
    assert read(foreign / "trackio").format == "trackio database"
    (tmp_path / "wandb" / "offline-run-1").mkdir(parents=True)
    shutil.copy(foreign / "run-foreign.wandb", tmp_path / "wandb" / "offline-run-1" / "run-1.wandb")
    assert read(tmp_path / "wandb").format == "Weights & Biases run"
    (tmp_path / "wandb" / "offline-run-2").mkdir()
    newer = tmp_path / "wandb" / "offline-run-2" / "run-2.wandb"
    shutil.copy(foreign / "run-foreign.wandb", newer)
    os.utime(newer, (2e9, 2e9))
    assert [one.name for one in several(tmp_path / "wandb")] == ["run-1.wandb", "run-2.wandb"]
    run = read(tmp_path / "wandb")
    assert run.path.name == "run-2.wandb"
    assert "2 runs in this folder: the one that was written last was chosen" in run.notes[-1]
    assert run.notes[-1].endswith("run-1.wandb")
    for name in ("a", "b"):
        shutil.copytree(foreign / "tensorboard", tmp_path / "board" / name)
    assert [one.name for one in several(tmp_path / "board")] == ["a", "b"]
    shutil.copy(foreign / "mlflow.db", tmp_path / "board")
    assert [one.name for one in several(tmp_path / "board")] == ["mlflow.db", "a", "b"]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_no_damage_raises_anything_else(foreign_bytes, data):
    """Bytes cut out, put in and changed at random: a run or one clear line."""
    name = data.draw(st.sampled_from(sorted(foreign_bytes)))
    damaged = bytearray(foreign_bytes[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        size = data.draw(st.integers(0, 400))
        damaged[at : at + size] = data.draw(st.binary(max_size=40))
        if not damaged:
            damaged = bytearray(b"\x00")
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damaged)
        with contextlib.suppress(Unreadable):
            assert read(path).format


@pytest.fixture(scope="module")
def foreign_bytes():
    folder = Path(__file__).resolve().parents[3] / "fixtures" / "foreign"
    paths = [folder / "run-foreign.wandb", folder / "mlflow.db", *(folder / "tensorboardx").iterdir()]
    return {path.name: path.read_bytes() for path in [*paths, folder / "trackio" / "distil.db"]}


def test_a_schema_over_several_lines_is_refused_on_one(foreign, tmp_path):
    data = (foreign / "mlflow.db").read_bytes()
    (tmp_path / "mlflow.db").write_bytes(data.replace(b"VARCHAR(", b'VARCHAR"', 1))
    with pytest.raises(Unreadable) as refused:
        read(tmp_path / "mlflow.db")
    assert "unrecognized token" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_exit_code_that_is_an_error_is_a_crash_at_the_last_step(foreign, tmp_path):
    log = shutil.copy(foreign / "run-foreign.wandb", tmp_path)
    # one more record, whole in its block: field 18 holds the exit code in its field 1
    record = bytes([0x92, 0x01, 2, 0x08, 3])
    with open(log, "ab") as file:
        file.write(struct.pack("<IHB", 0, len(record), 1) + record)
    run = read(log)
    assert run.facts[names.STATUS] == "crashed"
    assert (run.events[-1].message, run.events[-1].step) == ("exit code 3", run.last_step)
