from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.views import axis
from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.raster import Window

ANY = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(ANY, ANY), max_size=60)
SIZES = st.tuples(st.integers(1, 30), st.integers(1, 12))


def column(points):
    step, value = np.array([p[0] for p in points], dtype=float), np.array([p[1] for p in points], dtype=float)
    return Column(step, value)


def window_of(c, log):
    return Window(*axis.span([c]), *axis.extent(axis.values([c]), log), log)


@given(POINTS, SIZES, st.booleans(), st.booleans())
def test_any_floats_are_drawn_and_every_finite_point_is_in_the_raster(points, size, log, joined):
    c, (width, height) = column(points), size
    window = window_of(c, log)
    trace = raster.trace(c, window, width, height, joined=joined)
    assert trace.dots.shape == (4 * height, 2 * width)
    for step, value in zip(c.step, c.value, strict=True):
        if not np.isfinite(step):
            continue
        at = int(raster.place(np.array([step]), window.left, window.right, 2 * width)[0])
        if np.isfinite(value):
            assert trace.dots[raster.rows(np.array([value]), window, 4 * height)[0], at]
        elif np.isnan(value):
            assert trace.nan[at // 2]
        else:
            assert (trace.above if value > 0 else trace.below)[at // 2]


@given(POINTS, SIZES)
def test_dots_without_lines_are_a_part_of_dots_with_lines(points, size):
    c = column(points)
    window = window_of(c, False)
    alone = raster.trace(c, window, *size, joined=False).dots
    assert not (alone & ~raster.trace(c, window, *size).dots).any()


def test_a_spike_of_one_step_in_a_million_is_drawn():
    value = np.ones(1_000_000)
    value[654_321] = 50.0
    c = Column(np.arange(value.size, dtype=float), value)
    trace = raster.trace(c, window_of(c, False), 60, 10)
    spike = trace.dots[: 4 * 10 // 2].any(axis=0)
    assert spike.sum() == 1
    assert int(np.flatnonzero(spike)[0]) == round(654_321 / 999_999 * 119)


def test_a_rising_line_has_one_connected_run_of_dots():
    c = Column(np.array([0.0, 100.0]), np.array([0.0, 1.0]))
    dots = raster.trace(c, Window(0, 100, 0, 1), 20, 5).dots
    assert dots.any(axis=0).all()
    assert dots[-1, 0]
    assert dots[0, -1]
    tops = dots.argmax(axis=0)
    assert (np.diff(tops) <= 0).all()


def test_a_line_is_broken_where_only_nan_lies_between_two_points():
    whole = Column(np.array([0.0, 99.0]), np.array([1.0, 1.0]))
    torn = Column(np.array([0.0, 50.0, 99.0]), np.array([1.0, np.nan, 1.0]))
    window = Window(0, 99, 0, 2)
    assert raster.trace(whole, window, 20, 3).dots.any(axis=0).all()
    trace = raster.trace(torn, window, 20, 3)
    assert np.flatnonzero(trace.dots.any(axis=0)).tolist() == [0, 39]
    assert np.flatnonzero(trace.nan).tolist() == [10]


def test_steps_that_go_back_are_drawn_too():
    c = Column(np.array([0.0, 10.0, 5.0, 15.0]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert raster.trace(c, Window(0, 15, 0, 1), 10, 4).dots.any()


def test_what_is_not_positive_lies_at_the_bottom_of_a_log_scale():
    rows = raster.rows(np.array([-5.0, 0.0, 1.0, 10.0, 100.0]), Window(0, 1, 1.0, 100.0, log=True), 9)
    assert rows.tolist() == [8, 8, 8, 4, 0]


def test_a_constant_is_in_the_middle():
    assert raster.rows(np.array([3.0]), Window(0, 1, 3.0, 3.0), 9).tolist() == [4]


def test_braille_spells_the_eight_dots_of_a_cell():
    dots = np.zeros((4, 4), dtype=np.bool_)
    assert raster.braille(dots).tolist() == [[0, 0]]
    dots[0, 0] = dots[3, 1] = True
    assert raster.braille(dots).tolist() == [[0x2800 + 0x01 + 0x80, 0]]
    assert raster.braille(np.ones((4, 2), dtype=np.bool_)).tolist() == [[0x28FF]]


@given(POINTS, st.integers(1, 30))
def test_bins_are_means_within_the_values(points, width):
    c = column([(s, v) for s, v in points if not np.isfinite(v) or abs(v) < 1e100])
    means = raster.bins(c, *axis.span([c]), width)
    assert means.shape == (width,)
    finite = c.value[np.isfinite(c.value) & np.isfinite(c.step)]
    known = means[np.isfinite(means)]
    assert (known.size > 0) == (finite.size > 0)
    if known.size:
        slack = 1e-9 * max(1.0, float(np.abs(finite).max()))
        assert known.min() >= finite.min() - slack
        assert known.max() <= finite.max() + slack


def test_bins_average_what_falls_together():
    c = Column(np.array([0.0, 1.0, 10.0]), np.array([2.0, 4.0, 7.0]))
    assert raster.bins(c, 0, 10, 2).tolist() == [3.0, 7.0]


@pytest.mark.parametrize("value", [1.7e308, -1.7e308, 5e-324, 0.0])
def test_extreme_values_do_not_overflow(value):
    c = Column(np.array([0.0, 1.0]), np.array([value, -value]))
    assert raster.trace(c, window_of(c, False), 4, 4).dots.any()


@pytest.mark.parametrize("gap", [False, True])
def test_runs_that_started_again_are_lines_of_their_own(gap):
    step = np.arange(0.0, 101.0, 5.0)
    high, low = np.full(step.size, 9.0), np.full(step.size, 1.0)
    if gap:
        low[10] = np.nan
    window, size = Window(0.0, 100.0, 0.0, 10.0), (40, 10)
    both = raster.trace(column([*zip(step, high, strict=True), *zip(step, low, strict=True)]), window, *size).dots
    alone = [raster.trace(Column(step, value), window, *size).dots for value in (high, low)]
    assert (both == (alone[0] | alone[1])).all()
    # a band that is filled between the two would have dots in the middle
    assert not both[12:28].any()


def test_rows_without_any_order_are_drawn_as_one_piece():
    step = np.tile([0.0, 1.0], 100)
    assert raster.trace(Column(step, step), Window(0.0, 1.0, 0.0, 1.0), 4, 4).dots.any(axis=0).all()


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1), st.integers(1, 500))
def test_one_place_is_what_places_give(low, high, share, size):
    value = low + share * (high - low)
    assert raster.place_one(value, low, high, size) == int(raster.place(np.array([value]), low, high, size)[0])
