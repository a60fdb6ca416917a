"""A run whose stream ends before its steps: it goes over it again, or is finished, or was told to stop just then."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from streamed_run import STEPS, TEXTS, Falls, end, plan, same, shrink

from sad import tiny
from sad.train.plan import Plan
from sad.train.saving import checkpoint
from sad.train.watch.deadline import Deadline
from sad.train.watch.ending import Ending
from sad_doctor import names


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def test_a_stream_that_ends_early_is_gone_over_again_and_then_the_student_is_written(tmp_path: Path) -> None:
    short = TEXTS[:6]
    windows = len(plan(tmp_path / "a", short).whole().train)
    a_pass = -(-windows // 2)
    assert 2 < a_pass < STEPS < 2 * a_pass
    # twice is more than enough
    two = tiny.train(plan(tmp_path / "a", short, epochs=2.0), tmp_path / "two")
    assert (two.result.step, two.result.ending.early) == (STEPS, False)
    one = tiny.train(plan(tmp_path / "a", short, epochs=1.0), tmp_path / "one")
    ending = one.result.ending
    assert (one.result.step, ending.early, ending.spent) == (a_pass, True, True)
    assert f"the stream has ended with {windows} windows, {a_pass} steps a pass" in ending.data
    assert f"train.max_steps = {a_pass}" in ending.data
    assert (tmp_path / "one" / "student" / "model.safetensors").exists()
    assert checkpoint.steps_done(tmp_path / "one") == a_pass
    # scored as it is written
    _, _, log = end(tmp_path / "one")
    assert log[-1]["step"] == a_pass
    assert names.EVAL_LM_LOSS in log[-1]
    # and once, where it is due at that step
    tiny.train(plan(tmp_path / "a", short, epochs=1.0, eval_every=a_pass), tmp_path / "due")
    _, _, log = end(tmp_path / "due")
    assert [line["step"] for line in log if names.EVAL_LM_LOSS in line] == [0, a_pass]
    again = tiny.train(plan(tmp_path / "a", short, epochs=1.0), tmp_path / "one", resume=True)
    assert (again.result.step, again.optimizer_steps) == (a_pass, 0)


@pytest.mark.parametrize("told", ["signal", "time"])
def test_told_to_end_in_the_step_in_which_its_stream_ends_it_is_a_stopped_run(
    tmp_path: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it is done by going on: the student is written, as of a run that was not told."""
    short = TEXTS[:6]
    a_pass = -(-len(plan(tmp_path / "a", short).whole().train) // 2)
    over: list[int] = []

    class Tells(tiny.Silent):
        def step(self, step: int, *_: object) -> None:
            if step == a_pass:
                over.append(step)
                if told == "signal":
                    os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Deadline, "passed", lambda _: told == "time" and bool(over))
        stopped = tiny.train(plan(tmp_path / "a", short, epochs=1.0), tmp_path / "run", watch=Tells()).result
    assert stopped.ending == (Ending(signal.SIGTERM) if told == "signal" else Ending(time_is_up=True))
    assert checkpoint.steps_done(tmp_path / "run") == stopped.step == a_pass
    assert not (tmp_path / "run" / "student").exists()
    rest = tiny.train(plan(tmp_path / "a", short, epochs=1.0), tmp_path / "run", resume=True)
    assert (rest.result.step, rest.result.ending.spent, rest.optimizer_steps) == (a_pass, True, 0)
    tiny.train(plan(tmp_path / "a", short, epochs=1.0), tmp_path / "whole")
    mine, theirs = (load_file(tmp_path / of / "student" / "model.safetensors") for of in ("run", "whole"))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_rows_of_windows_are_gone_over_again_too_and_a_run_that_was_killed_then_is_the_same(tmp_path: Path) -> None:
    def rows() -> Plan:
        return plan(tmp_path / "a", TEXTS[:6], epochs=3.0, packing=True)

    assert rows().whole().schedule().steps_per_epoch < 6
    tiny.train(rows(), tmp_path / "whole")
    with pytest.raises(MemoryError):
        tiny.train(rows(), tmp_path / "cut", watch=Falls(8))
    assert tiny.train(rows(), tmp_path / "cut", resume=True).result.start == 6
    same(tmp_path / "whole", tmp_path / "cut")
