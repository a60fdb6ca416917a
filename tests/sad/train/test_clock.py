"""Every moment of a step belongs to one part of it."""

from __future__ import annotations

from itertools import count

import pytest

from sad import tiny
from sad.train.clock import Clock
from sad_doctor import names


def test_each_part_has_the_time_since_the_mark_before(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    clock = Clock()
    clock.start()
    for part in ("data", "teacher", "data", "teacher", "optimizer"):
        clock.mark(part)
    assert clock.seconds() == {"data": 1.0 + 3.0, "teacher": 2.0 + 4.0, "optimizer": 5.0}


def test_a_step_begins_with_nothing_of_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 5.0, 7.0, 8.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))
    clock = Clock()
    clock.start()
    clock.mark("data")
    clock.start()
    clock.mark("teacher")
    assert clock.seconds() == {"teacher": 1.0}
    assert Clock().seconds() == {}


def test_the_parts_of_a_real_step_are_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # a second passes each time that the clock is read, so that a busy machine changes nothing
    monkeypatch.setattr("time.perf_counter", map(float, count()).__next__)
    plan = tiny.plan()
    labels = {s: sum(len(plan.train[i].student) - 1 - int(plan.train[i].at_student[0]) for i in m)
              for s in range(8) for m in plan.schedule().micro_batches(s)}  # fmt: skip
    lines = [line for line in tiny.train(plan).record if names.LOSS in line]
    assert len(lines) == 8
    for line in lines:
        parts = {name.removeprefix(names.SECONDS): v for name, v in line.items() if name.startswith(names.SECONDS)}
        assert set(parts) == {"data", "teacher", "student", "backward", "optimizer"}
        assert min(parts.values()) >= 1
        whole = labels[line["step"] - 1] / line[names.TOKENS_PER_SECOND]
        # one second before the first mark of the step, one after its last
        assert sum(parts.values()) == pytest.approx(whole - 2, abs=1e-6)
