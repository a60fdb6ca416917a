from __future__ import annotations

import subprocess

import pytest

from sad.preflight import memory
from sad.preflight.memory import Forecast, Line, forecast, room


def line(base: float, slope: float) -> Line:
    return Line(base, slope)


def made(**more) -> Forecast:
    how = {"device": "cpu", "step": line(100, 2), "other": 150.0, "baseline": 50.0, "free": 1000.0, "saving": 0.0}
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
            {"tokens": 10, "peak": 200.0, "seconds": 1.0, "evaluation": 0.1},
            {"tokens": 20, "peak": 250.0, "seconds": 1.5, "evaluation": 0.2},
        ],
    }
    monkeypatch.setattr(memory, "probe", lambda _: told)
    found = forecast(bench())
    assert found.peak(40) == 250
    assert found.seconds.at(40) == 2.5
    assert found.other == 30
    # on a GPU the host's memory is another matter
    monkeypatch.setattr(memory, "probe", lambda _: {**told, "device": "cuda"})
    assert forecast(bench()).peak(40) == 350
    monkeypatch.setattr(memory, "probe", lambda _: {**told, "sizes": [], "out_of_memory": 3})
    assert "not even 3 windows fit" in forecast(bench()).failed


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [(-9, "", "out of memory"), (1, "Traceback\nRuntimeError: no", "RuntimeError: no"), (None, "", "took more than")],
)
def test_a_child_process_that_fails_is_a_reason_and_no_traceback(bench, monkeypatch, code, error, says) -> None:
    def run(command, **_):
        if code is None:
            raise subprocess.TimeoutExpired(command, 1)
        return subprocess.CompletedProcess(command, code, "", error)

    monkeypatch.setattr(memory.subprocess, "run", run)
    assert says in forecast(bench()).failed


def test_there_is_room_on_this_machine() -> None:
    assert room("cpu") > 1e8
