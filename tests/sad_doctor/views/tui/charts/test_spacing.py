from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.raster import DOWN, Window
from sad_doctor.views.tui.charts.spacing import spaced

REAL = st.floats(-1e12, 1e12)


def rows_of(found, rows, log):
    """The rows of cells in which the labels lie."""
    window = Window(0, 1, found.low, found.high, log)
    return raster.rows(np.array(found.levels), window, rows * DOWN) // DOWN


@given(REAL, st.floats(1e-6, 1e12), st.integers(4, 60))
def test_labels_lie_equally_many_rows_apart(low, span, rows):
    assume(span > 1e-8 * abs(low))
    high = low + span
    found = spaced(low, high, rows, False)
    assert found.low <= low
    assert found.high >= high
    assert found.high - found.low <= 2.01 * (high - low)
    assert low < 0 or found.low >= 0
    assert len(found.levels) >= 2
    assert len(set(np.diff(rows_of(found, rows, False)))) == 1


@given(st.floats(-30, 30), st.floats(1.7, 40), st.integers(4, 30))
def test_labels_of_a_log_scale_do_too(low, decades, rows):
    found = spaced(10**low, 10 ** (low + decades), rows, True)
    assert found.low <= 10**low
    assert found.high >= 10 ** (low + decades)
    assert np.log10(found.high) - np.log10(found.low) <= 2.01 * decades
    assert len(found.levels) >= 2
    assert len(set(np.diff(rows_of(found, rows, True)))) == 1


@pytest.mark.parametrize(
    ("low", "high", "rows", "log", "levels"),
    [
        (18.0, 160.0, 5, False, (0, 80, 160)),
        (0.0, 1.0, 13, False, (0, 0.5, 1)),
        (4.2, 11.9, 13, False, (4, 6, 8, 10, 12)),
        (-3.0, 4.0, 10, False, (-2.5, 0, 2.5)),
        (1.0, 1e4, 13, True, (1, 10, 100, 1000, 10_000)),
        (0.5, 20.0, 20, True, (0.3, 1, 3, 10)),
        (1.5, 12.0, 10, True, (2, 5, 10)),
    ],
)
def test_they_are_round(low, high, rows, log, levels):
    assert spaced(low, high, rows, log).levels == pytest.approx(levels)


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [
        (5.0, 5.0, False),
        (0.0, 0.0, False),
        (3.0, 3.0, True),
        (1e-310, 1e300, True),
        (-1e308, 1e308, False),
        (1.0, 1.0 + 1e-15, False),
    ],
)
def test_what_has_no_even_labels_has_an_axis_all_the_same(low, high, log):
    for rows in (1, 2, 30):
        found = spaced(low, high, rows, log)
        assert found.low < found.high
        assert found.low <= low
        assert found.high >= high
