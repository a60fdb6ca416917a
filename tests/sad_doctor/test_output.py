import io
import os
import sys
from pathlib import Path

import pytest

from sad_doctor.output import Unwritable, guard, tell, written


@pytest.fixture
def place(tmp_path, monkeypatch):
    run = tmp_path / "run"
    (run / "deep").mkdir(parents=True)
    for name in ("metrics.jsonl", "run.json", "notes.txt", "old.html", "deep/events.out.tfevents.1"):
        (run / name).write_text("{}")
    (tmp_path / "run.csv").write_text("step,loss\n")
    (tmp_path / "runs.db").write_text("SQLite")
    (tmp_path / "soft.svg").symlink_to("run.csv")
    os.link(tmp_path / "run.csv", tmp_path / "hard.svg")
    os.link(run / "metrics.jsonl", tmp_path / "metrics.html")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "read"),
    [
        ("run.csv", "run.csv"),
        ("run/../run.csv", "run.csv"),
        ("soft.svg", "run.csv"),
        ("hard.svg", "run.csv"),
        ("metrics.html", "run"),
        ("run/metrics.jsonl", "run"),
        ("run/events.jsonl", "run"),
        ("run/notes.txt", "run"),
        ("run/deep/events.out.tfevents.1", "run"),
        ("run/run.json", "run/metrics.jsonl"),
        ("runs.db", "runs.db/one"),
        ("runs.db-wal", "runs.db"),
    ],
)
def test_what_is_read_is_never_written(place, target, read):
    with pytest.raises(ValueError, match=r"--html .*: it would overwrite what is read: name another file"):
        guard([("--svg", None), ("--html", target)], [None, "elsewhere.csv", read])
    with pytest.raises(ValueError, match=r"would overwrite"):
        guard([("--html", place / target)], [read])


@pytest.mark.parametrize("target", ["page.html", "run/old.html", "run/new.html", "run/new.svg", "run.csv.html", "x/y"])
def test_other_places_are_free(place, target):
    guard([("--html", target)], ["run", place / "run.csv", "runs.db/one"])


@pytest.mark.usefixtures("place")
def test_a_folder_is_no_place_for_a_file():
    for target, told in (("run", r"--html run: it is a folder"), (Path(), r"--html \.: it is a folder: name a file$")):
        with pytest.raises(ValueError, match=told):
            guard([("--html", target)], ["run.csv"])


@pytest.mark.usefixtures("place")
def test_two_files_in_one_place():
    with pytest.raises(ValueError, match=r"--html one\.html: another option writes this file too"):
        guard([("--svg", "one.html"), ("--html", "one.html")], ["run.csv"])


def test_where_it_was_written_is_said_and_a_failure_is_one_line(tmp_path):
    def fails():
        raise ValueError("embedded null byte")

    assert written("page", "a\nb", lambda: None).splitlines() == ["page written: a�b"]
    with pytest.raises(Unwritable, match=r"x: the page cannot be written: No such file or directory"):
        written("page", "x", lambda: (tmp_path / "no" / "x").write_text(""))
    with pytest.raises(Unwritable, match=r"x: the page cannot be written: embedded null byte"):
        written("page", "x", fails)


def test_a_word_goes_to_standard_error_or_nowhere(monkeypatch, capsys):
    tell("page written: a.html")
    assert capsys.readouterr() == ("", "page written: a.html\n")
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        tell("nobody hears this")
    assert capsys.readouterr().out == ""
