"""What counts against a time limit, with a clock and a process that are made up."""

from __future__ import annotations

import os
import sys

import pytest

from sad.judge.spent import STRETCH, Look, Spent, look


def spent(*moments):
    """Ticks of (time, look) after a first one at zero."""
    times, looks = [0.0, *(t for t, _ in moments)], [Look(True, 0.0), *(seen for _, seen in moments)]
    of = Spent(1, clock=lambda: times.pop(0), seen=lambda _: looks.pop(0))
    return [of.update() for _ in moments]


def test_a_process_that_sleeps_spends_all_that_passes():
    assert spent((2.0, Look(False, 0.0)), (5.0, Look(False, 0.0))) == [2.0, 5.0]


def test_a_process_that_waits_for_a_core_spends_what_it_had_of_one():
    assert spent((2.0, Look(True, 0.5)), (4.0, Look(True, 2.5))) == [0.5, 2.5]


def test_several_threads_spend_no_more_than_passes():
    assert spent((1.0, Look(True, 4.0))) == [1.0]


def test_a_process_that_gets_no_core_at_all_ends_some_time():
    assert spent((10.0, Look(True, 0.0))) == [10.0 / STRETCH]


def test_where_the_system_does_not_tell_all_that_passes_counts():
    assert spent((3.0, None), (4.0, None)) == [3.0, 4.0]


def test_it_begins_anew():
    times, looks = [0.0, 2.0, 3.0], [Look(False, 0.0)] * 3
    of = Spent(1, clock=lambda: times.pop(0), seen=lambda _: looks.pop(0))
    of.again()
    assert of.seconds == 0.0
    assert of.update() == 1.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_this_process_runs_and_one_that_is_not_there_does_not():
    found = look(os.getpid())
    assert found is not None
    assert found.runs
    assert found.seconds > 0
    assert look(2**30) is None
