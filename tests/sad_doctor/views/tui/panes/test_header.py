from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import names
from sad_doctor.finding import Report
from sad_doctor.run import Run
from sad_doctor.views.tui.panes.header import Head, first_line, mode, progress, second_line, status, verdict
from sad_doctor.views.tui.runs.tempo import Tempo


def head(make, **facts):
    run = make.sick_run()
    return Head(replace(run, facts={**run.facts, **facts}), make.sick_report(), now=make.now)


def test_progress_has_step_total_bar_and_percent(make):
    text = progress(make.sick_run(), 21_700, 10).plain
    assert text == "step 21,700 / 24,914  " + "━" * 8 + "╸─  87%"
    assert progress(replace(make.sick_run(), facts={}), 21_700, 10).plain == "step 21,700"


@pytest.mark.parametrize(
    ("step", "bar"), [(0, "─" * 10), (1, "╸" + "─" * 9), (24_913, "━" * 9 + "╸"), (24_914, "━" * 10)]
)
def test_the_bar_tells_a_run_that_began_and_one_that_goes_on(make, step, bar):
    assert bar in progress(make.sick_run(), step, 10).plain.split()


@pytest.mark.parametrize("total", [0, -5, float("nan"), float("inf"), "many", None])
def test_a_total_that_is_none_is_left_out(make, total):
    assert progress(replace(make.sick_run(), facts={names.TOTAL_STEPS: total}), 21_700, 10).plain == "step 21,700"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("running", "● running, 4 s ago"),
        ("finished", "✔ finished"),
        ("crashed", "✖ crashed"),
        ("interrupted", "■ interrupted"),
        ("unknown", "● last record 4 s ago"),
        ("on [fire]", "○ on [fire]"),
    ],
)
def test_the_status_is_told(make, said, shown):
    assert status(head(make, status=said)).plain == shown


def test_a_running_run_without_a_sign_of_life_is_silent(make):
    assert status(head(make, heartbeat=make.now - 7200)).plain == "○ silent for 2 h"


@pytest.mark.parametrize(("pause", "seconds"), [(0.1, 60), (20.0, 200), (300.0, 600), (None, 600)])
def test_a_run_that_was_killed_is_silent_once_it_never_paused_so_long(make, pause, seconds):
    for more, silent in ((-1, False), (1, True)):
        beat = make.now - seconds - more
        one = replace(head(make, heartbeat=beat), tempo=Tempo(beat, 2.0, pause), last=21_700.0)
        assert (status(one).plain.startswith("○ silent for"), mode(one).plain == "") == (silent, silent)
        assert ("left" in second_line(one, 160).plain) != silent


def test_a_replay_is_never_silent(make):
    old = replace(head(make, heartbeat=make.now - 7200), label="REPLAY 20x")
    assert status(old).plain == "● running"
    assert status(replace(head(make, status="unknown", heartbeat=1.0), label="REPLAY 20x")).plain == "○ status unknown"


def test_a_log_that_does_not_tell_its_status_has_an_age(make):
    old = head(make, status="unknown", heartbeat=make.now - 7200)
    assert status(old).plain == "○ last record 2 h ago"
    assert mode(old).plain == ""
    assert status(replace(old, tempo=Tempo(make.now - 3))).plain == "● last record 3 s ago"
    never = replace(old, run=replace(old.run, facts={}))
    assert status(never).plain == "○ status unknown"


def test_the_pace_and_the_time_left_are_told_while_the_run_goes_on(make):
    running = replace(head(make), tempo=Tempo(make.now, 2.5), last=21_700.0)
    assert "2.5 steps/s · 21 min left" in second_line(running, 160).plain
    over = replace(running, run=replace(running.run, facts={**running.run.facts, names.STATUS: "finished"}))
    assert "left" not in second_line(over, 160).plain
    assert "left" not in second_line(replace(running, now=make.now + 9000), 160).plain


def test_a_replay_has_a_pace_only_where_the_log_has_times(make):
    played = replace(head(make), tempo=Tempo(make.now, 98.8), label="REPLAY 20x")
    assert "steps/s" not in second_line(played, 150).plain
    column = played.run.columns[names.LOSS]
    timed = replace(played.run, columns={**played.run.columns, names.TIME: column})
    assert "98.8 steps/s" in second_line(replace(played, run=timed), 150).plain
    assert "98.8 steps/s" in second_line(replace(played, label=""), 150).plain


def test_a_replay_says_so(make):
    assert mode(replace(head(make), label="REPLAY 20x")).plain.strip() == "REPLAY 20x"


def test_the_mode_is_told_while_the_run_goes_on(make):
    assert mode(head(make)).plain.strip() == "LIVE"
    assert mode(head(make, status="finished")).plain == ""
    assert mode(replace(head(make, status="finished"), paused=True)).plain.strip() == "PAUSED"


def test_a_silent_run_is_not_live(make):
    assert mode(head(make, heartbeat=make.now - 7200)).plain == ""


def test_a_log_that_is_being_opened_tells_how_far_it_is(make):
    assert mode(replace(head(make), opened=0.34)).plain == " opening 34% "


def test_the_verdict_counts_levels_and_waits_for_a_first_step(make):
    assert verdict(head(make)).plain == "✖ 3 ▲ 2"
    assert verdict(Head(make.healthy_run(), make.healthy_report())).plain == "✓ no red flags"
    assert verdict(Head(make.empty_run(), make.empty_report())).plain == ""


def test_figures_that_are_no_numbers_stand_out(make):
    line = second_line(Head(make.run_with_nan(), Report((), (), (), ())), 160)
    assert "loss 177.14" in line.plain
    run = make.run_with_nan()
    worse = replace(run, columns={names.LOSS: make.column([0.0], [float("nan")])})
    line = second_line(Head(worse, None), 80)
    assert any(span.style == "bold $error" for span in line.spans)


@given(st.text(max_size=80), st.text(max_size=40), st.integers(1, 220), st.text(max_size=60))
def test_both_lines_fit_any_width(name, form, width, error):
    run = Run(name, form, None, facts={names.STATUS: "running", names.HEARTBEAT: 3.0})  # type: ignore[arg-type]
    for one in (Head(run, Report((), (), (), ()), error, now=9.0), Head(None, None, error)):
        assert first_line(one, width).cell_length <= width
        assert second_line(one, width).cell_length <= width


def test_an_error_takes_the_second_line(make):
    assert second_line(replace(head(make), error="OSError: gone"), 80).plain.rstrip() == " ⚠ OSError: gone"


def test_a_log_without_steps_tells_its_epochs(make):
    run = replace(make.sick_run(), facts={names.STEP_UNIT: "epoch", names.TOTAL_STEPS: 3})
    assert progress(run, 1.5, 0).plain == "epoch 1.50 / 3  50%"
