import numpy as np
import pytest

from sad_doctor import signals
from sad_doctor.run import Column


def column(*values: float) -> Column:
    return Column(np.arange(len(values), dtype=float), np.array(values))


@pytest.mark.parametrize(
    ("value", "count", "equal"),
    [(5.02917, 3, True), (5.02917, 2, False), (3.53, 5, False), (3.53, 6, True), (3.5, 9, False)],
)
def test_fewer_digits_need_more_evaluations(value, count, equal):
    assert signals.all_equal(column(*[value] * count), 3, 5) is equal


def test_one_that_differs_is_not_equal():
    assert not signals.all_equal(column(5.02917, 5.02917, 5.02918), 3, 5)


@pytest.mark.parametrize(
    ("values", "hardly"),
    [
        ((3.0, 2.999, 2.998, 2.997, 2.996), True),
        ((3.0, 2.9, 2.8, 2.7, 2.6), False),
        ((3.0, 2.997, 2.999, 2.996, 2.998), False),
        ((3.0, 2.999, 2.998, 2.997), False),
    ],
)
def test_an_average_creeps_and_does_not_turn(values, hardly):
    assert signals.hardly_moves(column(*values), 0.3, 0.1, 3) is hardly


def test_what_falls_by_more_than_all_of_it_has_no_share():
    falls = column(8.0, 5.0, 2.0, 0.5, -0.5)
    assert not signals.hardly_moves(falls, 170.0, 0.1, 3)


@pytest.mark.parametrize(
    ("values", "slows"),
    [
        ((1.318, 1.308, 1.303, 1.301, 1.3), True),
        ((1.318, 1.314, 1.31, 1.306, 1.302), False),
        ((1.318, 1.317, 1.315, 1.311, 1.305, 1.297), False),
    ],
)
def test_a_copy_that_is_too_slow_moves_as_fast_as_before(values, slows):
    assert signals.slows(column(*values)) is slows


@pytest.mark.parametrize(("last", "stands"), [(3.0, True), (4.0, False)])
def test_a_stretch_counts_where_the_training_falls_in_it(last, stands):
    training = Column(np.arange(60.0), np.linspace(4, last, 60))
    told = signals.stands_while(Column(np.arange(10, 50, 10.0), np.full(4, 2.71828)), training, 3, 0.005)
    assert (told is not None) is stands
    assert told is None or (told[0].count == 4 and told[1] > told[2])
