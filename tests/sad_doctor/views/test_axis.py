from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.views import axis

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, max_size=30), st.booleans())
def test_the_extent_holds_every_value_that_can_be_shown(values, log):
    value = np.array(values)
    low, high = axis.extent(value, log)
    assert np.isfinite([low, high]).all()
    assert low < high
    shown = value[value > 0] if log else value
    assert (shown >= low).all()
    assert (shown <= high).all()
    if log:
        assert low > 0


@given(FINITE, FINITE, st.integers(1, 20), st.booleans())
def test_ticks_are_few_rising_and_inside(a, b, most, log):
    low, high = min(a, b), max(a, b)
    if log:
        low, high = max(abs(a), 1e-300), max(abs(b), 1e-300)
        low, high = min(low, high), max(low, high)
    found = axis.ticks(low, high, most, log)
    assert len(found) <= max(most, 1)
    slack = (high / 2 - low / 2) * 1e-6
    assert all(low - slack <= v <= high + slack for v in found)
    assert found == sorted(found)
    assert bool(found) == (low < high)


@pytest.mark.parametrize(
    ("low", "high", "most", "log", "wanted"),
    [
        (0, 10, 6, False, [0, 2, 4, 6, 8, 10]),
        (0, 24_914, 4, False, [0, 10_000, 20_000]),
        (1, 10_000, 5, True, [1, 10, 100, 1_000, 10_000]),
        (1, 1e12, 5, True, [1, 1e3, 1e6, 1e9, 1e12]),
        (20, 400, 4, True, [20, 50, 100, 200]),
    ],
)
def test_ticks_are_round(low, high, most, log, wanted):
    assert axis.ticks(low, high, most, log) == pytest.approx(wanted)


def test_nothing_to_show_has_an_axis_all_the_same():
    assert axis.extent(np.zeros(0), False) == (0.0, 1.0)
    assert axis.extent(np.array([-3.0]), True) == (0.1, 1.0)
    assert axis.span([]) == (0.0, 1.0)
    assert axis.ticks(float("nan"), 1.0, 5) == []


def test_a_loss_is_not_shown_below_zero():
    assert axis.extent(np.array([0.1, 12.0]), False)[0] == 0.0
    assert axis.extent(np.array([-0.1, 12.0]), False)[0] < -0.1


def test_the_span_leaves_out_steps_that_are_no_numbers():
    c = Column(np.array([np.nan, 3.0, 9.0, np.inf]), np.zeros(4))
    assert axis.span([c]) == (3.0, 9.0)


def test_a_log_scale_is_wanted_where_a_linear_one_would_flatten():
    assert axis.wants_log(np.array([735.0, 14.0]))
    assert not axis.wants_log(np.array([7.0, 2.6]))
    assert not axis.wants_log(np.array([735.0, 0.0]))
    assert not axis.wants_log(np.zeros(0))


def test_counted_steps_have_no_labels_between_them():
    def column(*step):
        return Column(np.array(step), np.zeros(len(step)))

    assert axis.between([column(0.0, 1.0, 2.0), column(2.0)]) == 1.0
    assert axis.between([column(0.0, 0.5, 1.0)]) == axis.between([]) == axis.between([column(np.nan)]) == 0.0
    assert axis.ticks(0.0, 2.0, 10, least=1.0) == [0.0, 1.0, 2.0]
    assert axis.ticks(0.0, 10.0, 6, least=1.0) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert len(axis.ticks(0.0, 2.0, 10)) > 3


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.integers(1, 30))
def test_ticks_of_counted_steps_are_whole(first, more, most):
    found = axis.ticks(float(first), float(first + more), most, least=1.0)
    assert found
    assert all(value == round(value) for value in found)
