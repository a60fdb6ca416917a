from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.readers import open_log
from sad_doctor.views.tui.runs.snapshot import Watch, judged


def verdict(make, run, report=None):
    return judged(run, lambda _: report or make.healthy_report())


def test_a_row_of_the_table_has_the_last_values_and_the_share(make):
    rows = {t.name: t for t in verdict(make, make.sick_run()).terms}
    layerwise = rows["layerwise"]
    assert layerwise.raw == pytest.approx(3211.15)
    assert layerwise.weight == 0.05
    assert layerwise.weighted == pytest.approx(160.5575)
    assert layerwise.share == pytest.approx(0.9064, abs=1e-4)
    assert list(rows) == list(make.sick_run().terms(names.RAW))


def test_values_that_are_called_raw_but_sum_to_the_loss_are_told_apart(make):
    run = make.sick_run()
    renamed = {names.RAW + k[len(names.WEIGHTED) :]: c for k, c in run.columns.items() if k.startswith(names.WEIGHTED)}
    taken = verdict(make, replace(run, columns={names.LOSS: run.columns[names.LOSS], **renamed}))
    assert taken.parts == "raw"
    assert taken.terms[0].weight is None
    assert taken.terms[0].share is not None


def test_a_run_with_terms_only_on_held_out_text_shows_those(make):
    run = make.empty_run()
    taken = verdict(make, replace(run, columns={names.EVAL_RAW + "kd": make.column([1, 2], [3, 4])}))
    assert [(t.name, t.raw, t.weighted) for t in taken.terms] == [("kd", 4.0, None)]


def test_steps_at_which_a_part_is_no_number_are_holes(make):
    assert verdict(make, make.healthy_run()).holes.size == 0
    taken = verdict(make, make.run_with_nan())
    assert np.array_equal(taken.holes, make.run_with_nan().columns[names.LOSS].step)
    assert all(len(c) == 0 for c in taken.shares.values())


def test_an_empty_run_has_no_terms(make):
    taken = verdict(make, make.empty_run())
    assert taken.terms == ()
    assert taken.shares == {}


def test_what_the_judge_raises_goes_through(make):
    with pytest.raises(KeyError):
        judged(make.healthy_run(), lambda _: {}["x"])


class Clock:
    """Stands until a test moves it."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("sad_doctor.views.tui.runs.snapshot._QUICK", 0.05)
        monkeypatch.setattr("sad_doctor.views.tui.runs.snapshot.time.monotonic", lambda: self.now)


def test_a_watch_rests_after_a_long_look(make, monkeypatch):
    clock, source = Clock(monkeypatch), make.source(make.healthy_run())
    monkeypatch.setattr(source, "poll", lambda: setattr(clock, "now", clock.now + 2) or True)
    watch = Watch(source, lambda _: make.healthy_report())
    assert watch.look() is not None
    assert not watch.rested
    clock.now = 7.9
    assert not watch.rested
    clock.now = 8.0
    assert watch.rested


def test_what_is_new_is_shown_at_once_and_judged_when_the_judge_has_rested(make, monkeypatch):
    clock, source, seen = Clock(monkeypatch), make.source(make.healthy_run()), []

    def judge(run):
        clock.now += 3.0
        seen.append(run)
        return make.healthy_report()

    watch = Watch(source, judge)
    first = watch.look()
    source.grow(make.healthy_run(500))
    second = watch.look()
    assert second.run is source.run()
    assert second.last == 2_495
    assert second.verdict is first.verdict
    assert len(seen) == 1
    assert watch.look() is None

    clock.now = 3.0 + 30.0
    third = watch.look()
    assert third.verdict is not first.verdict
    assert seen[-1] is source.run()
    assert watch.look() is None


@pytest.mark.parametrize("change", ["ended", "cut"])
def test_the_end_of_a_run_and_a_log_that_was_cut_are_judged_at_once(make, monkeypatch, change):
    clock, seen = Clock(monkeypatch), []
    run = replace(make.healthy_run(), facts={names.STATUS: "running"})

    def judge(run):
        clock.now += 3.0
        seen.append(run)
        return make.healthy_report()

    source = make.source(run)
    watch = Watch(source, judge)
    watch.look()
    source.grow(replace(run, facts={names.STATUS: "crashed"}) if change == "ended" else make.healthy_run(10))
    watch.look()
    assert seen[-1] is source.run()


def test_a_large_log_is_shown_slice_by_slice(tmp_path, make, monkeypatch):
    monkeypatch.setattr("sad_doctor.views.tui.runs.snapshot._SLICE", 0.0)
    monkeypatch.setattr("sad_doctor.readers.tail.CHUNK", 1000)
    log = tmp_path / "a.jsonl"
    log.write_text("".join(f'{{"step": {i}, "loss": 1.0}}\n' for i in range(100)))
    watch = Watch(open_log(log), lambda _: make.healthy_report())

    first = watch.look()
    assert first is not None
    assert 0 < first.opened < 1
    last = first
    while last.opened < 1:
        watch._pace.seconds = 0.0
        last = watch.look()
    assert len(last.run.columns[names.LOSS]) == 100
    assert watch.look() is None


def test_a_watch_that_is_stopped_reads_no_further(tmp_path, make):
    log = tmp_path / "a.jsonl"
    log.write_text('{"step": 1, "loss": 1.0}\n')
    watch = Watch(open_log(log), lambda _: make.healthy_report())
    watch.stop()

    assert watch.look() is None
