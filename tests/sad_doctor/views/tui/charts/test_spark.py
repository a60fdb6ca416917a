from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.views.tui.charts.spark import sparkline


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=40), st.integers(1, 30))
def test_any_series_has_a_line_of_the_width_asked_for(points, width):
    line = sparkline(Column(np.array([p[0] for p in points]), np.array([p[1] for p in points])), width)
    assert len(line) == width
    assert set(line) <= set("▁▂▃▄▅▆▇█× ")


def test_it_falls_as_the_series_falls():
    assert sparkline(Column(np.arange(8.0), np.arange(8.0)[::-1]), 8) == "█▇▆▅▄▃▂▁"


def test_nan_is_a_cross_and_silence_a_space():
    assert sparkline(Column(np.array([0.0, 1.0, 3.0]), np.array([1.0, np.nan, 2.0])), 4) == "▁× █"


def test_a_constant_is_low_and_even():
    assert sparkline(Column(np.arange(4.0), np.ones(4)), 4) == "▂▂▂▂"
