from __future__ import annotations

import subprocess
import sys

import pytest

from sad.preflight import memory
from sad.preflight.memory import Forecast, Line, Started, begin_early, end, forecast, room
from sad.recipe import schema as recipes


def line(base: float, slope: float) -> Line:
    return Line(base, slope)


def made(**more) -> Forecast:
    how = {
        "device": "cpu",
        "step": line(100, 2),
        "scoring": line(0, 0),
        "held_out": 0,
        "other": 150.0,
        "baseline": 50.0,
        "free": 1000.0,
        "saving": 0.0,
    }
    return Forecast(**{**how, "seconds": line(0, 1), "evaluation": line(0, 1), **more})


def test_a_line_goes_through_what_was_measured_and_never_falls() -> None:
    assert Line.through([(1, 12), (2, 14)]) == Line(10, 2)
    assert Line.through([(4, 8)]) == Line(0, 2)
    assert Line.through([(1, 9), (2, 7)]) == Line(7, 0)
    assert Line.through([(1, 12), (2, 14)]).at(10) == 30


def test_the_peak_is_that_of_the_worst_time() -> None:
    assert made().peak(10) == 150
    assert made().peak(100) == 300


def test_windows_that_fit_fill_what_is_free_and_no_more() -> None:
    found = made()
    most = found.fits(10)
    assert found.baseline + found.peak(most * 10) <= found.free < found.baseline + found.peak((most + 3) * 10)
    assert made(free=120.0).fits(10) == 0


def test_a_forecast_is_the_line_through_the_child_processs_sizes(bench, monkeypatch) -> None:
    told = {
        "device": "cpu",
        "baseline": 100.0,
        "loading": 30.0,
        "saving": 20.0,
        "saving_seconds": 0.5,
        "sizes": [
            {"tokens": 10, "peak": 200.0, "evaluation_peak": 150.0, "seconds": 1.0, "evaluation": 0.1},
            {"tokens": 20, "peak": 250.0, "evaluation_peak": 170.0, "seconds": 1.5, "evaluation": 0.2},
        ],
    }
    monkeypatch.setattr(memory, "begin", lambda _: Started(None, 1e9))
    monkeypatch.setattr(memory, "probe", lambda _: told)
    found = forecast(bench())
    assert found.scoring == Line(30, 2)
    assert found.peak(40) == 250
    assert found.seconds.at(40) == 2.5
    assert found.other == 30
    # on a GPU the host's memory is another matter
    monkeypatch.setattr(memory, "probe", lambda _: {**told, "device": "cuda"})
    assert forecast(bench()).peak(40) == 350
    monkeypatch.setattr(memory, "probe", lambda _: {**told, "sizes": [], "out_of_memory": 3})
    assert "not even 3 windows fit" in forecast(bench()).failed


def test_an_evaluation_may_need_more_than_a_step_but_only_what_is_held_out() -> None:
    """Its line is steeper; the held-out text ends before the training micro-batch does."""
    found = made(scoring=line(100, 20), held_out=30)
    assert found.peak(10) == 300
    assert found.peak(100) == 700
    assert found.peak(1000) == 2100
    assert made(scoring=line(100, 20), held_out=10**6, free=1000.0).fits(10) == 4
    assert made(scoring=line(100, 20), held_out=30, free=1000.0).fits(10) == 40


def child(code: str) -> Started:
    command = [sys.executable, "-c", code]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return Started(subprocess.Popen(command, text=True, **pipes), 1e9)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.kill(os.getpid(), 9)", "out of memory"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("raise SystemExit(3)", "no reason given"),
        ("import time; time.sleep(60)", "took more than"),
    ],
)
def test_a_child_process_that_fails_is_a_reason_and_no_traceback(bench, monkeypatch, code, says) -> None:
    made = child(code)
    monkeypatch.setattr(memory, "begin", lambda _: made)
    monkeypatch.setattr(memory, "SECONDS", 1.0 if "sleep" in code else 60.0)
    found = forecast(bench())
    assert says in found.failed
    assert found.late == ("sleep" in code)
    assert made.child.poll() is not None


def test_the_child_process_is_told_the_recipe_and_is_not_left_behind(bench, monkeypatch) -> None:
    """It loads beside the others where there is room, and is ended with them."""
    made, told = bench(), []

    def start(given):
        assert given is made
        told.append(child("input(); input()"))
        return told[0]

    monkeypatch.setattr(memory, "begin", start)
    monkeypatch.setattr(memory, "room", lambda _: 0.0)
    begin_early(made)
    end(made)
    assert not told
    monkeypatch.setattr(memory, "room", lambda _: 1e15)
    begin_early(made)
    begin_early(made)
    assert len(told) == 1
    assert told[0].child.poll() is None
    end(made)
    assert told[0].child.poll() is not None


def test_a_process_is_begun_with_the_recipe_on_one_line(bench, monkeypatch) -> None:
    repeat = "import sys; print(sys.stdin.readline().strip()); sys.stdin.readline()"
    real = subprocess.Popen
    monkeypatch.setattr(memory.subprocess, "Popen", lambda _, **how: real([sys.executable, "-c", repeat], **how))
    made = bench()
    found = memory.probe(memory.begin(made))
    assert recipes.parse(found, "test") == made.plan.recipe


def test_there_is_room_on_this_machine() -> None:
    assert room("cpu") > 1e8
