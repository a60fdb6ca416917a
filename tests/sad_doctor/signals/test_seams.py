"""Steps that begin again at the first one, in both kinds of reader."""

from pathlib import Path

import numpy as np
import pytest

from sad_doctor import names
from sad_doctor.example import parse
from sad_doctor.readers.rows import Rows
from sad_doctor.run import Column, Run
from sad_doctor.signals import beginnings, recounted, told_again


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
