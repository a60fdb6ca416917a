"""What is asked of the doctor: what no view can answer is refused before a log is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from sad_doctor.__main__ import run as command
from sad_doctor.finding import Level
from sad_doctor.main import run_doctor
from sad_doctor.request import Request
from sad_doctor.settings import Settings

FIXTURES = Path(__file__).parents[2] / "fixtures" / "runs"


@pytest.mark.parametrize("view", [{"form": "json"}, {"html": "a.html"}, {"svg": "a.svg"}])
def test_a_view_of_one_run_refuses_several(capsys, view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_doctor([FIXTURES / "healthy", FIXTURES / "run2.log"], Request(**view)) == 2
    assert "this view takes one" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_replay_needs_the_dashboard_and_a_speed(capsys):
    assert run_doctor(FIXTURES / "healthy", Request(replay="20x")) == 2
    assert "needs a terminal" in capsys.readouterr().err
    assert run_doctor(FIXTURES / "healthy", Request(replay="fast")) == 2
    assert "for example 20x" in capsys.readouterr().err


def test_a_replay_tells_nobody_of_red_flags(monkeypatch, capsys):
    monkeypatch.setattr("sad_doctor.main._interactive", lambda: True)

    assert command([str(FIXTURES / "healthy"), "--replay", "20x", "--notify", "true"]) == 2

    assert capsys.readouterr().err == (
        "sad doctor: --replay plays a run that is over: nobody is told of its red flags; leave --notify out\n"
    )


def test_what_the_command_line_says_of_red_flags_goes_before_the_file():
    told = Settings(fail_on="warn")

    assert Request().level(told) == Level.WARNING
    assert Request(fail_on="error").level(told) == Level.ERROR


def test_only_what_was_asked_for_is_a_file_and_all_but_a_report_are_of_one_log():
    assert Request().files == {}
    assert Request(svg="a.svg", html="a.html").files == {"svg": "a.svg", "html": "a.html"}
    assert [Request(form=form).one_log for form in ("", "report", "json")] == [False, False, True]
    assert Request(svg="a.svg").one_log
