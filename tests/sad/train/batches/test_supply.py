"""A run on a stream: stopped anywhere it is the run that was not; where the stream ends or breaks, nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from streamed_run import STEPS, TEXTS, Falls, end, plan, same, shrink, warnings

from sad import tiny
from sad.align.worker import Workers
from sad.data import Streamed, maker
from sad.errors import UserError
from sad.train.batches import supply
from sad.train.batches.supply import Lack, Supply
from sad.train.saving import checkpoint
from sad.train.watch.red_flags import RedFlags, Verdict
from sad_doctor import names


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


@pytest.mark.parametrize(("gone", "packing"), [(False, False), (True, False), (False, True)])
def test_killed_in_any_pool_and_gone_on_with_is_the_run_that_was_not(tmp_path: Path, gone: bool, packing: bool) -> None:
    """Also if all that was prepared is gone, and where windows share rows."""
    tiny.train(plan(tmp_path / "a", packing=packing), tmp_path / "whole")
    for at in (3, 6, 9):
        rest = plan(tmp_path / (f"b{at}" if gone else "b"), packing=packing)
        # it has no more than the first pool before it is taken up
        assert len(rest.train) < 12
        with pytest.raises(MemoryError):
            tiny.train(rest, tmp_path / "cut", resume=at > 3, watch=Falls(at))
    assert checkpoint.steps_done(tmp_path / "cut") == 8
    rest = plan(tmp_path / ("c" if gone else "b"), packing=packing)
    assert tiny.train(rest, tmp_path / "cut", resume=True).result.start == 8
    if packing:
        assert max(len(row) for step in range(STEPS) for row in rest.schedule().taken(step)) > 1
    same(tmp_path / "whole", tmp_path / "cut")
    assert [one for one in threading.enumerate() if one.name == "sad-stream"] == []


def test_a_run_that_goes_on_does_not_wait_for_text_that_was_read_before(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def late() -> Iterator[str]:
        # enough for the first pool
        yield from TEXTS[:4]
        assert goes_on.wait(60)
        yield from TEXTS[4:]

    with pytest.raises(MemoryError):
        tiny.train(plan(tmp_path / "a"), tmp_path / "cut", watch=Falls(8))

    class Lets(tiny.Silent):
        def step(self, step: int, *_: object) -> None:
            if step == 8:
                goes_on.set()

    rest = tiny.train(plan(tmp_path / "a", late()), tmp_path / "cut", resume=True, watch=Lets())
    assert goes_on.is_set()
    assert (rest.result.start, rest.result.step) == (6, STEPS)
    tiny.train(plan(tmp_path / "b"), tmp_path / "whole")
    same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("packing", [False, True])
def test_workers_lead_and_prefetch_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: bool
) -> None:
    tiny.train(plan(tmp_path / "a", packing=packing), tmp_path / "one")
    begun: list[int] = []

    def counted(readers: Any, length: int, count: int) -> Workers:
        begun.append(count)
        return Workers(readers, length, count)

    monkeypatch.setattr(maker, "Workers", counted)
    other = plan(tmp_path / "b", prefetch=0, packing=packing)
    assert isinstance(other.train, Streamed)
    other.train._maker._workers = 1
    monkeypatch.setattr("sad.data.pools.LEAD", 0)
    tiny.train(other, tmp_path / "other")
    assert 1 in begun
    same(tmp_path / "one", tmp_path / "other")


def test_another_text_is_refused_where_the_run_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MemoryError):
        tiny.train(plan(tmp_path / "a"), tmp_path / "cut", watch=Falls(5))
    for changed in (0, 4):
        texts = [*TEXTS[:changed], "Another text altogether. " * 9, *TEXTS[changed + 1 :]]
        with pytest.raises(UserError, match=r"the data is not what .*cut was trained on"):
            tiny.train(plan(tmp_path / f"b{changed}", texts), tmp_path / "cut", resume=True)
    # where what it was trained on is on disk, that is found out meanwhile: here once a step was let begin, which is
    # taken whole
    goes_on, asked = threading.Event(), Streamed.check

    def late() -> Iterator[str]:
        # enough for the first pool
        yield from texts[:4]
        assert goes_on.wait(60)
        yield from texts[4:]

    def checked(of: Streamed) -> None:
        asked(of)
        goes_on.set()
        for _ in range(600):
            if of._other is None:
                time.sleep(0.1)

    monkeypatch.setattr(Streamed, "check", checked)
    rest = tiny.train(plan(tmp_path / "a", late()), tmp_path / "cut", resume=True)
    assert rest.result.ending.data.startswith("corpus is not what it was: put it back")
    assert rest.result.step == rest.result.start + 1


def test_steps_of_another_size_or_kind_are_not_taken_for_another_text(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        tiny.train(plan(tmp_path / "a"), tmp_path / "cut", watch=Falls(5))
    with pytest.raises(UserError, match=r"a step of .*cut takes 2 windows, and here it would take 4"):
        tiny.train(plan(tmp_path / "a", batch_size=4), tmp_path / "cut", resume=True)
    for other, told in (({"packing": True}, "rows of several windows"), ({"buckets": False}, "windows of any length")):
        with pytest.raises(UserError, match=f"here they would take {told}"):
            tiny.train(plan(tmp_path / "a", **other), tmp_path / "cut", resume=True)


def test_a_stream_that_breaks_saves_and_the_run_goes_on_later(tmp_path: Path) -> None:
    def breaks() -> Iterator[str]:
        yield from TEXTS[:4]
        raise ConnectionError("connection lost")

    cut = tiny.train(plan(tmp_path / "a", breaks(), save_every=5), tmp_path / "cut")
    ending = cut.result.ending
    assert (ending.early, ending.spent) == (True, False)
    assert ending.data.startswith("corpus: the stream broke (connection lost)")
    # between two checkpoints that were due
    assert checkpoint.steps_done(tmp_path / "cut") == cut.result.step == 2
    assert ending.data in warnings(tmp_path / "cut")
    assert json.loads((tmp_path / "cut" / "run.json").read_text())[names.STATUS] == "interrupted"
    assert not (tmp_path / "cut" / "student").exists()
    assert tiny.train(plan(tmp_path / "a"), tmp_path / "cut", resume=True).result.step == STEPS
    tiny.train(plan(tmp_path / "b"), tmp_path / "whole")
    mine, theirs = end(tmp_path / "cut"), end(tmp_path / "whole")
    assert mine[1] == theirs[1]
    assert all(torch.equal(mine[0][name], theirs[0][name]) for name in theirs[0])


def test_the_way_back_goes_on_in_the_stream_and_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint that is gone back to is then of a place farther on, in another pool."""

    def look(_: object, progress: Any, *, last: bool = False) -> Verdict:
        back = not last and (progress.step, progress.rollbacks) == (7, 0)
        return Verdict(back=4, why="R105") if back else Verdict()

    monkeypatch.setattr(RedFlags, "look", look)
    tiny.train(plan(tmp_path / "a", on_red_flag="rollback"), tmp_path / "whole")
    with pytest.raises(MemoryError):
        tiny.train(plan(tmp_path / "a", on_red_flag="rollback"), tmp_path / "cut", watch=Falls(5))
    tiny.train(plan(tmp_path / "b", on_red_flag="rollback"), tmp_path / "cut", resume=True)
    (mine, state, _), (theirs, expected, _) = end(tmp_path / "cut"), end(tmp_path / "whole")
    assert state == expected
    assert (state["step"], state["passed"]) == (STEPS, 3)
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_signal_ends_the_wait_for_a_stream_that_stalls(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def stalls() -> Iterator[str]:
        yield from TEXTS[:6]
        os.kill(os.getpid(), signal.SIGTERM)
        goes_on.wait(60)

    made = plan(tmp_path / "a", stalls())
    try:
        done = tiny.train(made, tmp_path / "cut")
    finally:
        goes_on.set()
    assert done.result.signal == signal.SIGTERM
    assert checkpoint.steps_done(tmp_path / "cut") == done.result.step < STEPS


def test_what_was_left_out_is_told_at_the_end(tmp_path: Path) -> None:
    made = plan(tmp_path / "a")
    assert made.later() == []
    heard = ["a line of the beginning"]
    made = replace(made, notes=tuple(heard), told=heard)
    heard.append("3 of 40 rows left out that are empty")
    tiny.train(made, tmp_path / "run")
    assert warnings(tmp_path / "run") == heard[1:]


def test_seconds_that_are_waited_belong_to_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1000, 7))
    monkeypatch.setattr(supply.time, "perf_counter", lambda: next(now))
    made = plan(tmp_path / "a")
    one = Supply(made, made.schedule(), checkpoint.Progress())
    assert one.lack(lambda: False) is Lack.NOTHING
    assert one.waited == 7
    one.took()
    assert one.waited == 0
    listed = tiny.plan()
    assert Supply(listed, listed.schedule(), checkpoint.Progress()).lack(lambda: False) is Lack.NOTHING


@pytest.mark.parametrize("packing", [False, True])
def test_processes_that_read_other_texts_know_it_before_they_take_a_step_of_them(tmp_path: Path, packing: bool) -> None:
    """By a hash that is of the next step, also where one of the texts ends there; none where that is not waited for."""

    def hashes(name: str, texts: list[str]) -> tuple[list[str], list[list[list[int]]]]:
        made = plan(tmp_path / name, texts, packing=packing)
        progress = checkpoint.Progress()
        one, found, taken = Supply(made, made.schedule(), progress), [], []
        for progress.step in range(STEPS):
            one.lack(lambda: False)
            found.append(one.ahead)
            taken.append([row.tolist() for row in made.schedule().taken(progress.step)])
        return found, taken

    (whole, steps), (again, _) = hashes("a", TEXTS), hashes("b", TEXTS)
    assert whole == again
    assert "" not in whole
    for texts in ([*TEXTS[:9], "Another text altogether. " * 9, *TEXTS[10:]], TEXTS[:9]):
        other, others = hashes(f"c{len(texts)}", texts)
        apart = next(at for at in range(STEPS) if other[at] != whole[at])
        assert 0 < apart < STEPS
        # until then both of them take the same
        assert steps[:apart] == others[:apart]
        assert all(mine != theirs for mine, theirs in zip(whole[apart:], other[apart:], strict=True))
    made = plan(tmp_path / "d", packing=packing)
    one = Supply(made, made.schedule(), checkpoint.Progress())
    one.lack(lambda: True)
    assert one.ahead == ""


def test_a_list_has_one_hash_whatever_the_step() -> None:
    made = tiny.plan()
    one = Supply(made, made.schedule(), checkpoint.Progress(step=made.steps))
    one.lack(lambda: False)
    assert one.ahead == made.fingerprint


def test_a_stream_that_breaks_has_no_hash_of_what_would_come(tmp_path: Path) -> None:
    def breaks() -> Iterator[str]:
        yield from TEXTS[:4]
        raise ConnectionError("connection lost")

    made = plan(tmp_path / "a", breaks())
    progress = checkpoint.Progress()
    one = Supply(made, made.schedule(), progress)
    progress.step = 6
    assert one.lack(lambda: False) is Lack.BROKEN
    assert one.ahead == ""
