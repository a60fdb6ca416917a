"""A standard output that is closed, full or gone: no command ends in a traceback for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sad.cli import streams

WORDS = [("--help",), ("--version",), ("explain", "V104"), ("explain", "terms.kd"), ("env",), ("verify", "--list")]
FULL = Path("/dev/full")


def program(*words: str, into: str) -> subprocess.CompletedProcess[str]:
    call = f'"{sys.executable}" -m sad {" ".join(words)} {into}'
    return subprocess.run(["bash", "-c", call], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("words", WORDS[:3])
def test_a_full_disk_is_one_line_and_2(words: tuple[str, ...]) -> None:
    done = program(*words, into=f"> {FULL}")
    assert (done.returncode, done.stderr) == (2, "sad: standard output cannot be written: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="bash's way to close a stream")
@pytest.mark.parametrize("words", WORDS[-2:])
def test_a_closed_output_changes_nothing(words: tuple[str, ...]) -> None:
    done = program(*words, into=">&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_both_streams_show_a_question_mark_for_what_they_lack() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from sad.cli.streams import ready; ready(); print('ä⣿')"],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "??\n"


def test_what_can_be_written_is_no_failure() -> None:
    assert streams.failure() is None


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_what_cannot_be_written_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with FULL.open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        sys.stdout.write("lost")
        assert streams.failure() == "No space left on device"
        assert streams.failure() is None


def test_a_reader_that_went_away_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        sys.stdout.write("lost")
        with pytest.raises(BrokenPipeError):
            streams.failure()
        os.dup2(os.open(os.devnull, os.O_WRONLY), write)
