"""Output that a run outlives: a reader that went away, a full disk, no output at all."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sad.train.output import Patient, patient_console

PRINT = """
import sys
from sad.train.output import patient_console
console = patient_console(quiet=False)
for number in range(20):
    console.print("x" * 1000, highlight=False)
print("done", file=sys.stderr)
"""


def alone(stdout: int) -> tuple[int, str]:
    # a stream without a buffer has nothing left to fail on at the end
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    told = subprocess.run(
        [sys.executable, "-c", PRINT], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, env=buffered
    )
    return told.returncode, told.stderr


def test_a_reader_that_goes_away_ends_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert alone(write) == (0, "done\n")
    finally:
        os.close(write)


class Full(io.TextIOWrapper):
    """A file on a disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("wb") as file:
        patient = Patient(Full(file))
        assert patient.write("abc") == 3
        assert patient.write("abc") == 3
        patient.flush()


def test_what_can_be_written_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    patient_console(quiet=False).print("a line")
    patient_console(quiet=True).print("another")
    assert capfd.readouterr().out == "a line\n"


def test_without_an_output_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    patient_console(quiet=False).print("a line")


def test_it_is_the_stream_that_it_stands_for(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w", encoding="latin-1") as stream:
        patient = Patient(stream)
        assert (patient.isatty(), patient.fileno(), patient.encoding) == (False, stream.fileno(), "latin-1")
        assert patient.write("abc") == 3
        patient.flush()
        assert (tmp_path / "out.txt").read_text() == "abc"
