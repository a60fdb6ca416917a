"""The gate of the command line: one plain line for a mistake, no control code of a file's for a fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sad.cli import app
from sad.version import __version__

ESCAPES = "\x1b[31m\x1b]0;title\x07\u202e\u2066\x9b1m\r"


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setattr(sys, "argv", ["sad", *words])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--config", f"no{ESCAPES}such.toml"),
        ("train", "--set", f"{ESCAPES}=1"),
        ("train", "--resume", f"no{ESCAPES}such"),
        ("train", "--data", f"./no{ESCAPES}such.txt"),
        ("verify", f"{ESCAPES}V1"),
        ("verify", "--loss", f"./{ESCAPES}.py:loss"),
        ("doctor", f"no{ESCAPES}such", "--report"),
        ("explain", f"R{ESCAPES}"),
        (f"--{ESCAPES}",),
        (f"{ESCAPES}",),
    ],
    ids=lambda words: " ".join(words[:2]).encode("ascii", "ignore").decode().replace("\x1b", ""),
)
def test_a_mistake_is_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert called(monkeypatch, *words) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


def test_a_fault_shows_its_traceback_without_control_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise LookupError(f"from a file: {ESCAPES}")

    monkeypatch.setattr(app, "app", lambda **_: broken())
    assert called(monkeypatch, "env") == 1
    err = capsys.readouterr().err
    assert "LookupError: from a file: " in err
    assert "in broken" in err
    assert "sad env" in err.splitlines()[-1]
    assert err.replace("\n", "").isprintable()


def test_a_reader_that_goes_away_is_no_mistake() -> None:
    """The output of a command is larger than what a pipe holds."""
    read, write = os.pipe()
    os.close(read)
    call = [sys.executable, "-m", "sad", "verify", "--list"]
    done = subprocess.run(call, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(write)
    assert done.returncode == 141
    assert done.stderr == ""


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


def test_versions_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(monkeypatch, "--version") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"sad {__version__} (Python ")
    assert out.count("\n") == 1
