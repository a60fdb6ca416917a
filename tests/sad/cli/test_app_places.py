"""Places that cannot be looked at, are gone, or hold what is not to be imported: at the gate of the command line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from gate import called

from sad.cli import app


@pytest.mark.parametrize(
    "words", [("train", "--data"), ("train", "--teacher"), ("train", "--student"), ("train", "--resume")]
)
def test_a_name_that_no_file_can_have_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    name = "x" * 300
    assert called(monkeypatch, *words, name) == 2
    err = capsys.readouterr().err
    assert name in err
    assert "File name too long" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 2), (errno.EPERM, 2), (errno.EIO, 1)])
def test_a_place_that_is_not_ours_to_look_at_is_no_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    def closed(**_: object) -> None:
        raise OSError(number, os.strerror(number), "texts/a.txt")

    monkeypatch.setattr(app, "app", closed)
    assert called(monkeypatch, "train") == code
    err = capsys.readouterr().err
    told = f"sad: texts/a.txt: {os.strerror(number)}; name another place, or get the right to this one\n"
    assert (err == told) == (code == 2)


def test_no_name_is_not_the_folder_that_we_are_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "train", "--resume", "") == 2
    assert capsys.readouterr().err == "sad: --resume names no run: give the folder of one, such as runs/latest\n"


def test_a_child_does_not_import_from_the_folder_that_we_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's run folder may hold a file that is named like one of Python's modules."""
    from sad.align.worker import _start

    for name in ("pickle", "sad", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'left')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    child = _start()
    child.communicate(b"", timeout=120)
    assert not (tmp_path / "left").exists()


def test_a_folder_that_was_deleted_under_us_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert called(monkeypatch, "train", "--resume", "x") == 2
    assert capsys.readouterr().err == "sad: the folder that you are in was deleted: change to another one\n"
