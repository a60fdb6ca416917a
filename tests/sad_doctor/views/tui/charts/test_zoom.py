from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sad_doctor.views.tui.charts import zoom

SPARSE = np.arange(0.0, 1001.0, 100.0)
WHOLE = (0.0, 1000.0)
numbers = st.floats(-500, 1500)


@given(st.tuples(numbers, numbers).map(sorted), st.floats(0.01, 50), numbers)
def test_a_window_never_leaves_the_run_and_is_never_empty(span, factor, at):
    start = zoom.clamped(tuple(span), WHOLE)
    moved = zoom.zoomed(start, WHOLE, factor, at), zoom.panned(start, WHOLE, factor), zoom.around(span, WHOLE)
    for window in (start, *moved):
        if window is not None:
            assert WHOLE[0] <= window[0] < window[1] <= WHOLE[1] + 1e-9
            assert window[1] - window[0] >= 3.99


@given(st.floats(100, 900))
def test_what_lies_under_the_mouse_stays_there(at):
    window = zoom.zoomed((100.0, 900.0), WHOLE, 0.5, at)
    assert (at - window[0]) / (window[1] - window[0]) == pytest.approx((at - 100) / 800)


def test_out_of_all_and_along():
    assert zoom.zoomed((100.0, 900.0), WHOLE, 2.0) is None
    assert zoom.zoomed(None, WHOLE, 0.5) == (250.0, 750.0)
    assert zoom.panned((100.0, 300.0), WHOLE, 0.5) == (200.0, 400.0)
    assert zoom.panned((800.0, 1000.0), WHOLE, 0.5) == (800.0, 1000.0)
    assert zoom.panned(None, WHOLE, 0.5) is None


def test_a_finding_is_shown_with_both_sides_and_one_of_the_whole_run_with_all_of_it():
    left, right = zoom.around((500.0, 500.0), WHOLE)
    assert left < 500 < right
    assert right - left == pytest.approx(50)
    assert zoom.around((0.0, 1000.0), WHOLE) is None


def test_a_window_at_the_end_follows_the_run_and_another_one_stays():
    longer = (0.0, 1100.0)
    assert zoom.followed((900.0, 1000.0), WHOLE, longer) == (1000.0, 1100.0)
    assert zoom.followed((100.0, 200.0), WHOLE, longer) == (100.0, 200.0)
    assert zoom.followed((900.0, 1000.0), WHOLE, (0.0, 50.0)) is None
    assert zoom.followed(None, WHOLE, longer) is None
    assert zoom.zoomed((10.0, 20.0), (10.0, 20.0), 3.0, 10.0) is None


@example(630.0, 140.8473865074509, SPARSE)  # an edge that was missed by a rounding
@given(st.floats(0, 1000), st.floats(4, 900), st.sampled_from([SPARSE, np.concatenate([SPARSE, SPARSE[::-1]])]))
def test_a_window_holds_some_records_wherever_it_lies(at, width, logged):
    window = zoom.clamped((at - width / 2, at + width / 2), WHOLE)
    filled = zoom.filled(window, WHOLE, logged)
    assert filled is not None
    assert filled[0] <= window[0] < window[1] <= filled[1]
    inside = {step for step in logged if filled[0] <= step <= filled[1]}
    assert len(inside) >= 3
    before = {step for step in logged if window[0] <= step <= window[1]}
    assert (filled == window) == (len(before) >= 3)


def test_a_run_of_few_records_is_shown_whole():
    assert zoom.filled((10.0, 20.0), WHOLE, np.array([0.0, 1000.0, 500.0, np.nan])) is None
    assert zoom.filled((10.0, 20.0), WHOLE, np.zeros(0)) is None
    assert zoom.filled(None, WHOLE, SPARSE) is None
