"""Whatever the code under judgement does, there is a verdict: it cannot take the judge with it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest

from sad.errors import UserError
from sad.judge import child, process
from sad.judge.process import _late, judge
from sad.verdict import Standing

UNRULY = Path(__file__).parent / "unruly_losses.py"


def report_on(name, timeout=40.0, **more):
    target = f"{UNRULY}:{name}"
    return judge({"loss": target, "name": target, **more}, timeout=timeout)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("raises", "RuntimeError: no"),
        ("exits", "SystemExit"),
        ("ends", "exit code 3"),
        ("crashes", "SIG"),
        ("interrupts", "KeyboardInterrupt"),
        ("returns_text", "returns a str"),
        ("returns_nothing", "returns None"),
        ("returns_nan", "not finite"),
    ],
)
def test_a_fault_is_a_verdict(name, word):
    report = report_on(name, only=["can_be_called"])
    assert report.code == 1
    assert [line.name for line in report.broken] == ["can_be_called"]
    assert word in report.broken[0].says
    assert "Traceback" not in report.broken[0].says


def test_a_loss_that_hangs_is_ended():
    report = report_on("hangs", timeout=3)
    assert [(line.name, line.standing) for line in report.lines] == [("can_be_called", Standing.BROKEN)]
    assert "hangs: no answer within the time limit of 3 s (--timeout)" in report.broken[0].says


def test_a_slow_loss_is_not_said_to_hang():
    assert _late("padding", 60.0, 0.001).how.startswith("hangs")
    late = _late("padding", 60.0, 0.5)
    assert late.slow
    assert "one call takes 0.5 s; give a longer --timeout" in late.how


def test_a_short_limit_is_not_used_up_by_what_is_imported_first():
    report = report_on("hangs", timeout=0.5)
    assert report.code == 1
    assert "hangs: no answer within the time limit of 0.5 s" in report.broken[0].says


def test_where_that_takes_too_long_nothing_is_called_sound(monkeypatch):
    monkeypatch.setattr(process, "TIMEOUT", 0.2)
    report = report_on("hangs", timeout=0.1)
    assert (report.code, report.status, report.lines) == (2, "not judged", [])
    assert report.unjudged == (
        "not judged within the time limit of 0.2 s: torch is still being imported; give a longer --timeout"
    )


def test_what_hangs_in_one_property_is_judged_by_the_others():
    report = report_on("hangs_over_nothing", timeout=3, only=["known_divergence", "half_precision", "distinguishes"])
    told = {line.name: line for line in report.lines}
    assert told["known_divergence"].standing is Standing.HOLDS
    assert "hangs" in told["half_precision"].says
    assert told["distinguishes"].standing is Standing.HOLDS


def test_output_of_any_length_is_drained_and_cut():
    report = report_on("prints", only=["known_divergence"])
    assert report.code == 0
    assert 0 < len(report.printed) <= 2000


def test_what_cannot_be_called_is_not_judged():
    report = report_on("unknown_parameter")
    assert report.code == 2
    assert "frobnication" in report.unjudged
    assert "--adapter" in report.unjudged
    assert "name a method: kl_loss" in report_on("Nothing").unjudged
    assert "self.missing" in report_on("Nothing.kl_loss").unjudged
    assert "has no nosuch" in report_on("nosuch").unjudged


def test_what_cannot_be_imported_is_bad_input_and_not_a_verdict(tmp_path):
    (tmp_path / "gone.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    target = f"{tmp_path / 'gone.py'}:loss"
    report = judge({"loss": target, "name": target})
    assert (report.code, report.lines) == (2, [])
    assert "gone.py cannot be imported: it ends the program (exit code 0)" in report.unjudged


def test_what_ends_the_process_while_it_is_imported_has_no_verdict(tmp_path):
    file = tmp_path / "gone.py"
    file.write_text("import os\nos._exit(3)\n", encoding="utf-8")
    report = judge({"loss": f"{file}:loss", "name": "gone.py:loss"})
    assert (report.code, report.lines) == (2, [])
    assert report.unjudged == (
        "gone.py:loss: importing it ends the process, exit code 3: put what runs behind if __name__ == '__main__'"
    )


def test_nor_has_what_hangs_there(monkeypatch):
    monkeypatch.setattr(process, "_run", lambda *_: process._Ended("load", "hangs: no answer"))
    report = judge({"loss": "gone.py:loss", "name": "gone.py:loss", "adapter": "mine.py"})
    assert (report.code, report.lines) == (2, [])
    assert report.unjudged.startswith("gone.py:loss: importing it or its adapter hangs: no answer: put")


def test_what_is_no_code_is_told_by_its_name():
    with pytest.raises(UserError, match=r"^ok\.py:x is an int: give a function, a class or what is called$"):
        child._subject(3, "ok.py:x", None, None)


def test_what_hangs_is_gone_and_what_it_started_too(tmp_path):
    (tmp_path / "hangs.py").write_text(
        "import os, pathlib, subprocess, sys, time\n"
        "def loss(student_logits, teacher_logits):\n"
        "    other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"    pathlib.Path({str(tmp_path / 'pids')!r}).write_text(f'{{os.getpid()}} {{other.pid}}')\n"
        "    time.sleep(600)\n"
    )
    report = judge({"loss": f"{tmp_path / 'hangs.py'}:loss", "name": "hangs", "only": ["can_be_called"]}, timeout=3)
    assert report.code == 1
    for number in (tmp_path / "pids").read_text().split():
        with contextlib.suppress(psutil.NoSuchProcess):
            # one that nobody has asked after yet is kept by its name alone
            assert psutil.Process(int(number)).status() == psutil.STATUS_ZOMBIE


def test_what_is_not_installed_is_told_and_what_is_compiled_runs_as_it_is_written(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import nosuch_logger\nimport torch\n\ndef refuses(*_):\n    raise RuntimeError('compiled')\n\n"
        "@torch.compile(backend=refuses)\n"
        "def kl(student_logits, teacher_logits):\n"
        "    first, second = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)\n"
        "    return (second.exp() * (second - first)).sum()\n"
    )
    report = judge({"loss": f"{file}:kl", "name": "kl", "only": ["can_be_called"]}, timeout=40.0)
    assert report.code == 0
    assert report.what == "forward KL"
    assert report.assumed[-1] == "not installed here, a placeholder stands for it: nosuch_logger"
