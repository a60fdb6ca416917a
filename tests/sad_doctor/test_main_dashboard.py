"""What goes to the dashboard, and what stays out of it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from sad_doctor.__main__ import run as command
from sad_doctor.main import run_doctor
from sad_doctor.request import Request

FIXTURES = Path(__file__).parents[2] / "fixtures" / "runs"


def test_several_runs_are_reported_one_after_the_other_and_the_worst_counts(capsys):
    assert run_doctor([FIXTURES / "healthy", FIXTURES / "run2.log"]) == 1
    out = capsys.readouterr().out
    assert out.index("Nothing wrong found") < out.index("The weights never moved")
    table = out[out.index("Side by side") :]
    assert out.index("The weights never moved") < out.index("Side by side")
    assert "  A  healthy: Nothing wrong found" in table
    assert "  B  run2.log: The weights never moved" in table
    assert "\n  Training loss " in table
    assert run_doctor([FIXTURES / "healthy"], Request(form="report")) == 0
    assert "Side by side" not in capsys.readouterr().out
    assert run_doctor([FIXTURES / "healthy", FIXTURES / "metrics.csv"], Request(form="report")) == 0
    assert run_doctor([FIXTURES / "healthy", FIXTURES / "none"], Request(form="report")) == 2
    assert command([str(FIXTURES / "healthy"), str(FIXTURES / "run2.log"), "--report"]) == 1


def test_a_run_that_cannot_be_read_leaves_the_others_their_reports(capsys):
    assert run_doctor([FIXTURES / "none", FIXTURES / "run2.log"], Request(form="report")) == 2
    told = capsys.readouterr()
    assert "The weights never moved" in told.out
    assert told.err.count("\n") == 1
    assert "there is no such file" in told.err


def test_on_a_terminal_the_dashboard_opens_what_was_named_or_lets_one_choose(monkeypatch):
    opened, beside = [], []

    def launch(sources, judge, **how):
        opened.append(([source.path.name for source in sources], [path.name for path in how["choices"]], how["speed"]))
        beside.append([source.path.name for source in how["beside"]])
        return [judge(source.run()) for source in sources]

    monkeypatch.setattr("sad_doctor.main._interactive", lambda: True)
    monkeypatch.setattr("sad_doctor.views.tui.launch.launch", launch)
    assert run_doctor(FIXTURES / "healthy", Request(replay="20x")) == 3
    assert run_doctor([FIXTURES / "run1.log", FIXTURES / "run2.log"]) == 3
    assert run_doctor(FIXTURES) == 3
    assert run_doctor(FIXTURES / "run1.log", Request(baseline=FIXTURES / "healthy")) == 3
    assert opened.pop()[0] == ["run1.log"]
    assert beside.pop() == ["healthy"]
    assert opened[0] == (["healthy"], [], 20.0)
    assert opened[1] == (["run1.log", "run2.log"], [], None)
    assert opened[2][0] == []
    assert {"run1.log", "run2.log", "nan.jsonl"} <= set(opened[2][1])


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("term", "encoding", "error", "opened"),
    [
        ("xterm", "utf-8", Terminal, True),
        ("xterm", "utf-8", io.StringIO, False),  # sad doctor RUN 2>file
        ("xterm", "ascii", Terminal, False),
        ("xterm", "latin-1", Terminal, False),
        ("dumb", "utf-8", Terminal, False),
    ],
)
def test_the_dashboard_opens_where_it_can_be_seen(term, encoding, error, opened, monkeypatch):
    out = Terminal()
    out.encoding = encoding
    shown = []
    monkeypatch.setattr("sad_doctor.visit.Visit.dashboard", lambda *opened: shown.append(opened) or 0)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error())

    run_doctor(FIXTURES / "healthy")
    assert bool(shown) is opened
    assert ("Nothing wrong found" in out.getvalue()) is not opened
