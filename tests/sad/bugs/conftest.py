"""A fault planted in the code that trains must be found by `run`, and named by `sad verify` with exit code 1."""

from __future__ import annotations

import pytest

from sad.verify import run
from sad.verify_command import Wanted, run_verify


@pytest.fixture
def found_in_the_code_that_trains(capsys):
    """Judge a bug while the shipped code has it; return what is said of the shipped code."""

    def judge(bug):
        (outcome,) = run([bug])
        assert outcome.caught
        assert not outcome.absent
        assert run_verify(Wanted((bug.code,))) == 1
        told = capsys.readouterr().out
        assert f"✗ {bug.code} {bug.name}: it is in the code that trains: " in told
        assert f"see: sad explain {bug.code}" in told
        assert "SUCCESSFULLY" not in told
        return next(verdict.says for verdict in outcome.fixed if not verdict.holds)

    return judge
