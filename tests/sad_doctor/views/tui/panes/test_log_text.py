from __future__ import annotations

import os

from sad_doctor.views.tui.panes import log_text
from sad_doctor.views.tui.panes.log_text import LogText


def test_a_log_is_read_on_and_a_half_line_waits(tmp_path):
    path, log = tmp_path / "a.log", LogText()
    path.write_text("one\ntwo\nthr")
    assert log.read(path)
    assert list(log.lines) == ["one", "two"]
    assert not log.read(path)
    with path.open("a") as file:
        file.write("ee\n")
    assert log.read(path)
    assert list(log.lines) == ["one", "two", "three"]


def test_a_log_that_was_cut_or_replaced_is_read_anew(tmp_path):
    path, log = tmp_path / "a.log", LogText()
    path.write_text("one\ntwo\n")
    log.read(path)
    path.write_text("x\n")
    assert log.read(path)
    assert list(log.lines) == ["x"]
    other = tmp_path / "b.log"
    other.write_text("new\n" * 3)
    os.replace(other, path)
    assert log.read(path)
    assert list(log.lines) == ["new"] * 3
    path.unlink()
    assert not log.read(path)


def test_of_a_large_log_the_end_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(log_text, "MOST_BYTES", 100)
    path, log = tmp_path / "a.log", LogText()
    path.write_text("".join(f"line {n}\n" for n in range(1000)))
    log.read(path)
    assert log.lines[-1] == "line 999"
    assert all(line.startswith("line 9") for line in log.lines)
    assert len(log.lines) <= 12


def test_nothing_in_it_is_a_control_code_and_a_bar_shows_its_last_state(tmp_path):
    path, log = tmp_path / "a.log", LogText()
    path.write_bytes(
        b"\x1b[31mred\x1b[0m \x1b]0;owned\x07\n 10%\r 20%\r 30%\r\n" + b"y" * (3 << 20) + b"\n\xff\xfe\tz\n"
    )
    assert log.read(path)
    assert list(log.lines)[-1] == "\ufffd\ufffd    z"
    assert not any(set(line) & set("\x1b\x07\r\n") for line in log.lines)
    path.write_bytes(b"\x1b[31mred\n 10%\r 20%\r 30%\r\n")
    log.read(path)
    assert list(log.lines) == ["red", " 30%"]


def test_a_line_of_megabytes_is_cut_and_a_binary_file_has_no_lines(tmp_path):
    path, log = tmp_path / "a.log", LogText()
    path.write_bytes(b"y" * (1 << 19) + b"\n")
    log.read(path)
    assert [len(line) for line in log.lines] == [log_text.LONGEST]
    path.write_bytes(bytes(range(32)) * 2000)
    log = LogText()
    assert not log.read(path)
    assert not log.lines


def test_of_a_run_folder_the_metrics_are_shown(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    log = LogText()
    assert log.read(tmp_path)
    assert list(log.lines) == ['{"step": 1}']
