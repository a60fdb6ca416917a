import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.axis import Axes, Axis
from sad_doctor.readers.columns import GrowingColumn

steps = st.lists(st.integers(0, 3), max_size=8).map(lambda found: np.array(found, np.float64))


@given(steps, steps, st.integers(0, 8))
def test_what_fits_is_what_is_there_and_goes_on(there, more, at):
    axis = Axis()
    axis.put(0, there)
    overlap = min(len(there) - at, len(more))
    expected = at <= len(there) and list(there[at : at + overlap]) == list(more[: max(0, overlap)])
    assert axis.fits(at, more) == expected
    if expected:
        axis.put(at, more)
        assert axis.first(len(axis)).tolist() == [*there[:at], *more, *there[at + len(more) :]]


def test_a_step_that_is_no_number_fits_itself():
    axis = Axis()
    axis.put(0, np.array([np.nan]))
    assert axis.fits(0, np.array([np.nan, 1.0]))
    assert not axis.fits(0, np.array([-0.0]))


def test_columns_with_the_same_steps_hold_them_once_and_part_where_they_differ():
    axes = Axes()
    columns = [GrowingColumn(axes) for _ in range(4)]
    for step in range(100):
        for index, column in enumerate(columns):
            if index < 2 or step % 10 == 0:
                column.append(step, index)
    held = [column.column().step for column in columns]
    assert np.shares_memory(held[0], held[1])
    assert np.shares_memory(held[2], held[3])
    assert not np.shares_memory(held[0], held[2])
    assert held[2].tolist() == list(range(0, 100, 10))


def test_an_axis_that_was_given_up_keeps_its_columns_steps():
    axes = Axes()
    columns = [GrowingColumn(axes) for _ in range(30)]
    for index, column in enumerate(columns):
        for step in range(5):
            column.append(step * (index + 1), 0.0)
        column.column()
    for index, column in enumerate(columns):
        assert column.column().step.tolist() == [step * (index + 1) for step in range(5)]
