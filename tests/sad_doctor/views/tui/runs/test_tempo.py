from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.run import Column
from sad_doctor.views.tui.runs.tempo import Pulse, Reach, Tempo, last_written


def test_the_pace_is_that_of_the_last_records(make, tmp_path):
    run = make.healthy_run()
    seconds = np.concatenate([np.arange(300) * 50.0, 15_000 + np.arange(100) * 2.0])
    run = replace(run, columns={**run.columns, names.TIME: make.column(run.columns[names.LOSS].step, 1e9 + seconds)})
    tempo = Pulse().take(run, tmp_path / "none", 1_995, 1e9 + 20_000)
    assert tempo.last == 1e9 + seconds[-1]
    assert tempo.rate == pytest.approx(2.5)
    assert tempo.left(1_995, 2_000) == pytest.approx(2.0)
    assert tempo.left(1_995, None) is tempo.left(2_000, 2_000) is Tempo().left(1, 5) is None


def test_the_longest_pause_is_that_of_the_last_records_where_they_are_many(make, tmp_path):
    seconds = np.cumsum(np.concatenate([[9_000.0], np.full(600, 0.5), [40.0], np.full(100, 0.5)]))
    for count, pause in ((702, 40.0), (601, 0.5), (65, 9_000.0), (64, None)):
        value = np.concatenate([[1.0], 1.0 + seconds[: count - 1]])
        run = replace(make.empty_run(), columns={names.TIME: make.column(np.arange(count), value)})
        assert Pulse().take(run, tmp_path, count, 9).pause == pause


def test_without_times_the_pace_is_what_was_watched(make, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("x")
    os.utime(log, (500, 500))
    pulse, run = Pulse(), make.held_out_run()
    run = replace(run, facts={})
    looks = [pulse.take(run, log, step, now) for step, now in ((100, 0), (100, 5), (110, 10), (120, 12))]
    assert [look.rate for look in looks[:3]] == [None, None, None]
    assert looks[3] == Tempo(500.0, 5.0)


def test_a_clock_or_a_step_that_goes_back_gives_no_pace(make, tmp_path):
    for seconds, step in (
        ([5, 4, 3], [1, 2, 3]),
        ([1, 2, 3], [3, 2, 1]),
        ([1, np.nan, 3], [1, 2, 3]),
        ([1, 1, 1], [1, 2, 3]),
    ):
        run = replace(make.empty_run(), columns={names.TIME: make.column(step, seconds)})
        rate = Pulse().take(run, tmp_path, 3, 9).rate
        assert rate is None or rate > 0


def test_the_newest_file_of_a_folder_counts(tmp_path):
    for name, when in (("a", 100), ("b", 300), ("c", 200)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (when, when))
    assert last_written(tmp_path) == 300
    assert last_written(tmp_path / "none") is None


def test_the_reach_of_a_run_is_that_of_its_columns_as_they_grow_and_shrink(make):
    reach, whole = Reach(), np.array([5.0, 1.0, np.nan, 9.0, np.inf, 7.0])
    for size in (0, 1, 2, 4, 6, 3):
        step = whole[:size]
        run = replace(make.empty_run(), columns={"a": Column(step, step), "b": Column(step[:0], step[:0])})
        known = step[np.isfinite(step)]
        assert reach.of(run) == ((known.min(), known.max()) if known.size else None)
