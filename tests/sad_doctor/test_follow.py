"""The log grows in the hands of a fake judge: one look after the other, no clock but the test's own."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sad_doctor import follow as module
from sad_doctor import names
from sad_doctor.check import check
from sad_doctor.example import parse
from sad_doctor.follow import follow
from sad_doctor.readers import Unreadable

HEALTHY = parse("fact status: running\nsteps: 9\ntrain/loss: 9 -> 8")
SICK = parse("fact status: running\nsteps: 12\ntrain/loss: 9 -> nan -> nan")


class Log:
    """Gives one run at a look; None is nothing new, an error is raised, after the last there is nothing new."""

    path = Path("mine.log")

    def __init__(self, *looks):
        self.looks, self.polls, self.now = list(looks), 0, HEALTHY

    def poll(self):
        self.polls += 1
        look = self.looks.pop(0) if self.looks else None
        if isinstance(look, Exception):
            raise look
        self.now = look or self.now
        return look is not None

    def run(self):
        return self.now


def ended(run, status="finished"):
    return replace(run, facts={**run.facts, names.STATUS: status})


def said(log, **how):
    lines = []
    follow(log, check, lines.append, **{"interval": 0.0, **how})
    assert lines.pop(0) == "following mine.log; Ctrl-C ends it with the report"
    return lines


@pytest.mark.parametrize("status", ["finished", "interrupted", "crashed"])
def test_it_ends_with_the_run_and_tells_a_finding_once(status):
    log = Log(HEALTHY, None, SICK, SICK, None, ended(SICK, status))
    lines = said(log)
    told = [line for line in lines if "R401" in line]
    assert len(told) == 1
    assert told[0].startswith("step 12: ERROR R401 non-finite: ")
    assert log.polls == 7


def test_a_run_that_goes_on_after_its_end_is_followed_on():
    log = Log(ended(HEALTHY), SICK, None, ended(SICK))
    assert any("R401" in line for line in said(log))
    assert log.polls == 5


def test_without_news_it_ends_when_it_is_told_to():
    started = time.monotonic()
    log = Log(HEALTHY)
    said(log, idle=0.1, interval=0.01)
    assert 0.1 <= time.monotonic() - started < 30
    assert log.polls > 1


def test_being_judged_again_for_its_silence_is_no_sign_of_life():
    log = Log(*[HEALTHY] * 100_000)
    said(log, idle=0.1)
    assert log.looks


def test_what_goes_wrong_is_said_once_and_looked_at_again():
    log = Log(OSError("gone"), OSError("gone"), HEALTHY, Unreadable("--map x: no such column"), ended(SICK))
    lines = said(log)
    assert lines[:2] == ["OSError: gone", "--map x: no such column"]
    assert any("R401" in line for line in lines[2:])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_like_the_end_of_the_run(number):
    class Signalled(Log):
        def poll(self):
            if self.polls == 1:
                os.kill(os.getpid(), number)
            return super().poll()

    # a shell that starts a program in the background lets it ignore Ctrl-C
    found = signal.signal(number, signal.default_int_handler)
    try:
        log = Signalled(HEALTHY)
        said(log)
        assert log.polls <= 2
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, found)


def test_after_a_long_look_it_rests_longer(monkeypatch):
    rests = []
    monkeypatch.setattr(module.time, "sleep", rests.append)

    def slow(run):
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass
        return check(run)

    follow(Log(HEALTHY, ended(HEALTHY)), slow, lambda _: None, interval=0.001)
    assert rests[0] >= 0.15


class Kept(Log):
    """A log whose file is there at first, and lost after its first look."""

    def __init__(self, path, lose):
        super().__init__(HEALTHY, None, None, ended(HEALTHY))
        self.path, self.lose = path, lose
        path.write_text("", encoding="utf-8")

    def poll(self):
        if self.polls == 1 and self.lose:
            self.path.unlink()
            self.lose(self.path)
        return super().poll()


@pytest.mark.parametrize(
    ("lose", "told"),
    [(None, None), (lambda _: None, "is gone"), (os.mkfifo, "is a pipe or a device now, not a file")],
)
def test_a_log_that_is_deleted_or_becomes_a_pipe_is_told_once(tmp_path, lose, told):
    lines = []
    follow(Kept(tmp_path / "mine.log", lose), check, lines.append, interval=0.0)
    lost = [line for line in lines if line.startswith(f"{tmp_path / 'mine.log'} ")]
    assert len(lost) == bool(told)
    assert not told or told in lost[0]


def test_a_log_that_is_lost_before_its_run_has_ended_is_no_whole_one(tmp_path):
    assert not follow(Gone(tmp_path / "a.log"), check, [].append, idle=0.05, interval=0.01)
    assert follow(Kept(tmp_path / "b.log", lambda _: None), check, [].append, interval=0.0)


class Gone(Kept):
    """A log that is lost while its run goes on."""

    def __init__(self, path):
        Log.__init__(self, HEALTHY)
        self.path, self.lose = path, lambda _: None
        path.write_text("", encoding="utf-8")
