from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.run import Event
from sad_doctor.views.tui.runs.replay import Replay, speed_of
from sad_doctor.views.tui.runs.snapshot import Watch


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def timed(make):
    """A finished run of 400 records, three seconds apart."""
    run = make.healthy_run()
    step = run.columns[names.LOSS].step
    events = (Event(names.EVENT_START), Event(names.EVENT_CHECKPOINT, step=500.0), Event(names.EVENT_END))
    return replace(
        run,
        columns={**run.columns, names.TIME: make.column(step, 1e9 + 3.0 * np.arange(step.size))},
        events=events,
        tail=("bye",),
    )


def test_records_come_at_their_time_and_the_end_at_the_end(make):
    clock, run = Clock(), timed(make)
    replay = Replay(make.source(run), 30.0, clock, lambda: 5e9)
    assert replay.run().columns == {}
    seen = []
    for second in range(42):
        clock.now = float(second)
        replay.poll()
        now = replay.run()
        seen.append(len(now.columns[names.LOSS]))
        if not replay.over:
            assert now.facts[names.STATUS] == "running"
            assert now.tail == ()
            assert names.HEARTBEAT not in now.facts
            assert all(c.step.max(initial=-1) <= now.columns[names.LOSS].step[-1] for c in now.columns.values())
    assert seen[:4] == [1, 11, 21, 31]
    assert replay.run() is replay.whole() is run
    assert not replay.poll()


def test_its_clock_is_that_of_the_replay(make):
    clock = Clock()
    replay = Replay(make.source(timed(make)), 30.0, clock, lambda: 5e9)
    replay.poll()
    clock.now = 2.0
    replay.poll()
    times = replay.run().columns[names.TIME]
    assert times.value[0] == 5e9
    assert times.last == pytest.approx(5e9 + 2.0)
    assert [e.kind for e in replay.run().events] == [names.EVENT_START]


def test_a_log_without_times_gives_a_record_a_second(make):
    clock = Clock()
    replay = Replay(make.source(make.healthy_run()), 20.0, clock)
    replay.poll()
    clock.now = 1.0
    assert replay.poll()
    assert len(replay.run().columns[names.LOSS]) == 21
    assert not replay.poll()


def test_a_pause_stops_the_run_too(make):
    clock = Clock()
    replay = Replay(make.source(make.healthy_run()), 1.0, clock)
    replay.poll()
    clock.now = 1000.0
    replay.poll()
    assert len(replay.run().columns[names.LOSS]) == 3


def test_an_empty_run_is_over_at_once(make):
    replay = Replay(make.source(make.empty_run()), 1.0, Clock())
    replay.poll()
    assert replay.over
    assert replay.run().name == "just-started"


@pytest.mark.parametrize(("text", "speed"), [("20x", 20.0), ("1.5", 1.5), (" 3 X ", 3.0)])
def test_a_speed_is_read(text, speed):
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["", "x", "0x", "-1x", "fast", "nan", "1e999"])
def test_what_is_no_speed_is_refused(text):
    with pytest.raises(ValueError, match="for example 20x"):
        speed_of(text)


def test_the_dashboard_can_follow_it(make):
    clock = Clock()
    replay = Replay(make.source(timed(make)), 30.0, clock)
    watch = Watch(replay, lambda _: make.healthy_report())
    assert len(watch.look().run.columns[names.LOSS]) == 1
    clock.now = 2.0
    assert len(watch.look().run.columns[names.LOSS]) == 21
    assert replay.path == make.source(make.healthy_run()).path
