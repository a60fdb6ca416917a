"""The writer in three lines of anyone's loop, then the reader and the judge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from example import FOLDER, load

from sad_doctor import Report, read


def run(folder: Path, *words: str) -> Report:
    return load("record_a_loop").main(["--output", str(folder), "--steps", "120", *words])


def test_a_healthy_loop_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(tmp_path)
    assert report.findings == ()
    assert {"R101", "R203", "R204", "R401"} <= set(report.passed)
    assert capsys.readouterr().out.startswith("0 findings")
    told = read(tmp_path)
    assert told.columns["train/weighted/kd"].value[-1] < 0.5 * told.columns["train/weighted/kd"].value[0]


def test_the_mistake_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--rate", "0").stories[0].finding.rule == "R101"
    assert "The weights never moved" in capsys.readouterr().out


def test_the_record_takes_three_lines() -> None:
    text = (FOLDER / "record_a_loop.py").read_text(encoding="utf-8")
    body = ast.unparse(next(one for one in ast.parse(text).body if getattr(one, "name", "") == "train")).splitlines()
    assert [line.strip().partition("(")[0] for line in body if "Recorder(" in line or "record." in line] == [
        "with Recorder",
        "record.log",
    ]
    assert "from sad_doctor import Recorder, Report, check, read" in text.splitlines()
