import numpy as np
import pytest

from sad_doctor.run import Column, Floats
from sad_doctor.signals import outlying, regular

AT = np.arange(1, 161)
NONE = np.empty(0)
FALLS = np.linspace(5, 4, 160)


def _column(value: Floats, every: int = 1) -> Column:
    return Column(every * AT.astype(float), value + np.random.default_rng(2).normal(0, 0.03, value.size))


def test_every_twentieth_record_stands_out() -> None:
    found = regular(_column(FALLS + (AT % 20 == 0), every=3), NONE, 5, 0.7)
    assert found is not None
    assert (found.distance, found.steps, found.hits, found.of) == (20, 60, 8, 8)
    assert found.by == pytest.approx(1, abs=0.1)
    below = regular(_column(FALLS - (AT % 20 == 0)), NONE, 5, 0.7)
    assert below is not None
    assert below.by < 0


@pytest.mark.parametrize(
    "value",
    [
        FALLS,
        FALLS + np.isin(AT, [3, 20, 31, 77, 90, 133, 140]),  # at no distance
        FALLS + np.isin(AT, [40, 80, 120, 160]),  # too few
        FALLS + (AT > 80),
        np.ones(160),
    ],
)
def test_what_is_not_regular(value: Floats) -> None:
    assert regular(_column(value), NONE, 5, 0.7) is None


def test_the_first_record_after_each_of_some_steps() -> None:
    steps = np.arange(22.0, 460, 44)
    column = _column(FALLS, every=3)
    place = np.searchsorted(column.step, steps, side="right")
    value = column.value.copy()
    value[place[place < 160]] /= 2
    found = regular(Column(column.step, value), steps, 5, 0.7)
    assert found is not None
    assert found.hits == found.of == 10
    assert found.distance == 0
    assert found.steps == 44
    assert regular(Column(column.step, value), NONE, 5, 0.7) is None  # their distance in records is none
    assert regular(column, steps, 5, 0.7) is None


def test_records_far_out_of_those_about_them() -> None:
    found = outlying(_column(FALLS + 2.0 * np.isin(AT, [30, 77])), 10)
    assert AT[found].tolist() == [30, 77]
    assert not outlying(_column(FALLS + (AT > 80)), 10).any()
    assert not outlying(Column(np.arange(5.0), np.arange(5.0)), 10).any()


def test_a_quiet_beginning_makes_no_later_noise_stand_out() -> None:
    value = np.linspace(6, 4, 160) + np.random.default_rng(3).normal(0, 1, 160) * np.where(AT < 60, 0.0, 0.1)
    assert not outlying(Column(AT.astype(float), value), 10).any()
