"""Steps that begin again at the first one, in both kinds of reader."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.example import parse
from sad_doctor.readers.rows import Rows
from sad_doctor.run import Column, Event, Run
from sad_doctor.signals import beginnings, doubled, rates_beside, recounted, rewound, told_again, warms_again


def _run(rows: list[tuple[int, float]], last_wins: bool) -> Run:
    kept = Rows(last_wins)
    for step, loss in rows:
        kept.add({"step": step, "loss": loss})
    return Run("a", "b", Path("c"), kept.snapshot(), facts=kept.facts)


FIRST = [(step, 9 - step / 20) for step in range(1, 81)]


@pytest.mark.parametrize("last_wins", [True, False])
@pytest.mark.parametrize(("level", "goes_on"), [(5.0, True), (9.0, False)])
def test_the_counter_or_the_run_begins_again(last_wins: bool, level: float, goes_on: bool) -> None:
    rows = [*FIRST, *((step, level - step / 40) for step in range(1, 41))]
    (found,) = beginnings(_run(rows, last_wins))
    assert (found.end, found.start) == (80, 1)
    assert found.before == pytest.approx(np.median([loss for _, loss in FIRST[-5:]]))
    assert found.after == pytest.approx(level - 3 / 40)
    assert found.goes_on is goes_on


@pytest.mark.parametrize("last_wins", [True, False])
def test_of_several_starts_each_is_told(last_wins: bool) -> None:
    found = beginnings(_run([*FIRST, *FIRST[:30], *FIRST[:60]], last_wins))
    assert [(one.end, one.start) for one in found] == [(80, 1), (30, 1)]


@pytest.mark.parametrize("last_wins", [True, False])
def test_a_resume_from_a_later_step_is_none(last_wins: bool) -> None:
    assert beginnings(_run([*FIRST, *((step, 5.0) for step in range(60, 120))], last_wins)) == []
    assert beginnings(_run(FIRST, last_wins)) == []


def test_a_place_that_the_log_went_back_to_is_told_where_no_event_tells_of_it() -> None:
    rows = [*FIRST, *((step, 5.0) for step in range(60, 120))]
    run = _run(rows, True)
    assert rewound(run) == [(80, 60)]
    assert rewound(_run(rows, False)) == []
    # it began again at its first step
    assert rewound(_run([*FIRST, *FIRST[:30]], True)) == []
    for kind, told in ((names.EVENT_RESUME, []), (names.EVENT_ROLLBACK, []), (names.EVENT_CHECKPOINT, [(80, 60)])):
        assert rewound(replace(run, events=(Event(kind, step=59.0),))) == told


def test_two_values_of_each_step_are_apart_or_of_one_kind() -> None:
    step, noise = np.repeat(np.arange(1.0, 41), 2), np.random.default_rng(0).normal(0, 0.01, 80)
    found = doubled(Column(step, np.tile([2.0, 3.0], 40) + noise))
    assert found is not None
    assert (found.apart, found.gap) == (True, pytest.approx(1, abs=0.05))
    # two processes that print the same training
    found = doubled(Column(step, 2 + noise))
    assert found is not None
    assert not found.apart
    assert doubled(Column(step, np.repeat(noise[:40], 2))) is None
    assert doubled(Column(np.arange(80.0), 2 + noise)) is None


def test_how_far_records_of_one_step_are_apart() -> None:
    column = Column(np.array([1.0, 2, 1, 3, 2, 4]), np.array([5.0, 4, 5.1, 3, 4.3, 2]))
    count, gap, noise = told_again(column)
    assert (count, gap, noise) == (2, pytest.approx(0.2), pytest.approx(1.1))
    assert told_again(Column(np.arange(3.0), np.ones(3)))[0] == 0


@pytest.mark.parametrize("fact", ["words", [1, 2], [["a", 1, 2]], [[1, 2]], None])
def test_a_fact_that_is_no_list_of_numbers_says_nothing(fact: object) -> None:
    run = _run(FIRST, False)
    assert beginnings(Run("a", "b", Path("c"), run.columns, facts={names.REWOUND: fact})) == []


def test_a_count_of_tokens_that_begins_anew():
    told = "steps: 20\ntrain/tokens: 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, {}, 30, 40, 50, 60, 70, 80, 90, 100, 110"

    assert recounted(parse(told.format(20))) == [10]
    assert recounted(parse(told.format(90))) == []
    assert recounted(parse("steps: 20\ntrain/tokens: 10 -> 9 ~ 5")) == []
    assert recounted(parse("steps: 20\ntrain/loss: 5")) == []


def test_the_learning_rate_on_both_sides_of_a_seam():
    def run(step: list[float], rate: list[float]) -> Run:
        return Run("a", "b", Path("c"), {names.LEARNING_RATE: Column(np.array(step), np.array(rate))})

    # back from step 40 to step 30: what stood at step 30 is what it should go on with
    back = run([10, 20, 30, 40, 30, 40, 50], [4, 3, 2, 1, 4, 3.9, 3.8])
    assert rates_beside(back, 40, 30) == (2, 3.9)
    on = run([10, 20, 30, 40, 50, 60], [4, 3, 2, 1, 0.5, 0.4])
    assert rates_beside(on, 40, 50) == (1, 0.4)
    assert rates_beside(on, 60, 70) is None
    assert rates_beside(parse("steps: 20\ntrain/loss: 5"), 4, 5) is None


def test_a_rate_that_climbs_back_to_where_it_was_warms_again():
    told = "steps: 10\ntrain/lr: 1, 1, 1, 1, 1, {}"
    assert warms_again(parse(told.format("0.1, 0.4, 0.7, 1, 1")), 5)
    # on to twice of it, down and never up, up by half
    for later in ("0.1, 0.7, 1.4, 2, 2", "0.5, 0.4, 0.3, 0.2, 0.1", "0.1, 0.2, 0.3, 0.4, 0.5"):
        assert not warms_again(parse(told.format(later)), 5)
    assert not warms_again(parse("steps: 10\ntrain/loss: 5"), 5)
