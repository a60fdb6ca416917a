"""A fault planted in the code that trains must be found by `run`, and named by `sad verify` with exit code 1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sad.verify import battery
from sad.verify.command import Wanted, run_verify


@pytest.fixture
def judged():
    """Judge a bug while the shipped code has it: its own faulty code, and the code that trains.

    The other forms of the fault have nothing to do with what is planted, and are judged where nothing is.
    """

    def judge(bug):
        (outcome,) = battery.run([replace(bug, attempts={}, variants={})])
        return outcome

    return judge


@pytest.fixture
def found_in_the_code_that_trains(judged, capsys, monkeypatch):
    """Judge a bug while the shipped code has it; return what is said of the shipped code."""

    def judge(bug):
        outcome = judged(bug)
        assert outcome.caught
        assert not outcome.absent
        # judged once: what is left to see is what the command makes of it
        with monkeypatch.context() as patch:
            patch.setattr(battery, "run", lambda bugs: iter([replace(outcome, bug=one) for one in bugs]))
            assert run_verify(Wanted((bug.code,))) == 1
        told = capsys.readouterr().out
        assert f"✗ {bug.code} {bug.name}: it is in the code that trains: " in told
        assert f"see: sad explain {bug.code}" in told
        assert "SUCCESSFULLY" not in told
        return next(verdict.says for verdict in outcome.fixed if not verdict.holds)

    return judge
