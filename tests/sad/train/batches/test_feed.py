"""Which batches a step gets: those of its schedule, however they were made and cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from hypothesis import given
from hypothesis import strategies as st

from sad import tiny
from sad.data import Schedule, Streamed, pools, segments
from sad.train.batches.feed import Feed, cut


@given(
    size=st.integers(1, 60),
    batch=st.integers(1, 9),
    accumulation=st.integers(1, 3),
    half=st.integers(0, 4),
    processes=st.integers(1, 3),
)
def test_the_pieces_are_those_of_a_schedule_with_smaller_micro_batches(
    size: int, batch: int, accumulation: int, half: int, processes: int
) -> None:
    cuts = min(2**half, batch)
    smaller = max(1, batch // cuts)
    if batch % smaller:
        return
    whole = Schedule(size, batch, accumulation, 3, processes)
    small = Schedule(size, smaller, accumulation * batch // smaller, 3, processes)
    for step in range(whole.steps_per_epoch + 1):
        for process in range(processes):
            found = cut(whole.rows(step, process), whole.rows(step), batch, cuts)
            wanted = small.rows(step, process)
            assert [np.concatenate([*one, []]).tolist() for one in found if one] == [
                np.concatenate([*one, []]).tolist() for one in wanted if one
            ]
            # as many on every process, or they would wait for one another for ever
            assert len(found) == len(cut(whole.rows(step), whole.rows(step), batch, cuts))


def making() -> int:
    """How many threads make batches ahead."""
    return sum(one.name == "sad-prefetch" for one in threading.enumerate())


@pytest.mark.parametrize("ahead", [0, 2])
def test_steps_may_be_taken_again_passed_over_and_cut(ahead: int) -> None:
    AcceleratorState._reset_state()
    plan = tiny.plan({"train": {"batch_size": 4, "prefetch": ahead, "max_steps": 6}})
    schedule = plan.schedule()
    with Feed(plan, schedule, Accelerator(cpu=True)) as feed:
        for step, cuts in ((0, 1), (1, 1), (1, 2), (2, 2), (0, 1), (5, 4), (6, 4)):
            found = feed.take(step, cuts)
            wanted = [plan.batch(rows) for rows in cut(schedule.rows(step), schedule.rows(step), 4, cuts)]
            for mine, right in zip(found, wanted, strict=True):
                assert torch.equal(mine.student.input_ids, right.student.input_ids)
                assert torch.equal(mine.targets.token, right.targets.token)
            assert making() == bool(ahead)
    assert making() == 0


def test_another_step_is_not_kept_waiting_by_a_stream_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What made batches ahead waits for text then: a run that goes back, or cuts a step, leaves it alone."""
    AcceleratorState._reset_state()
    monkeypatch.setattr(pools, "FIRST", 1)
    monkeypatch.setattr(segments, "FIRST", 100)
    hangs, goes_on, came_back = threading.Event(), threading.Event(), threading.Event()

    def texts() -> Iterator[str]:
        yield tiny.TEXT
        hangs.set()
        goes_on.wait(20)
        came_back.set()

    plan = tiny.plan({"train": {"batch_size": 4, "prefetch": 2, "max_steps": 10**4}, "data": {"max_length": 24}})
    stream = Streamed(texts(), plan.pair.readers, 24, tmp_path, workers=0)
    assert stream.need(1)
    per_step = len(stream)
    plan = replace(plan, train=stream, recipe=plan.recipe.model_copy(
        update={"train": plan.recipe.train.model_copy(update={"batch_size": per_step})}))  # fmt: skip
    try:
        with Feed(plan, plan.schedule(), Accelerator(cpu=True)) as feed, stream.going_on(10**6, 0):
            feed.take(0, 1)
            assert hangs.wait(20)
            for step, cuts in ((0, 2), (0, 1)):
                assert len(feed.take(step, cuts)) >= cuts
            assert not came_back.is_set()
            goes_on.set()
    finally:
        goes_on.set()
