"""The median is numpy's, to the last bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from sad_doctor.signals.middle import median, medians

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(drawn.arrays(np.float64, drawn.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9), elements=NUMBERS))
def test_it_is_that_of_numpy(values: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = np.median(values), median(values)
    # numpy adds what it takes the mean of to 0, which loses the sign of -0
    np.testing.assert_equal(float(found) + 0.0, float(expected) + 0.0)


@pytest.mark.parametrize("values", [[1, 2, 4], [True, False], range(4), np.arange(7, dtype=np.int32)])
def test_whatever_holds_numbers_has_one(values: object) -> None:
    assert median(values) == np.median(values)


def test_what_it_is_of_stays_in_its_order() -> None:
    values = np.array([3.0, 1.0, 2.0])
    median(values)
    assert values.tolist() == [3.0, 1.0, 2.0]


def test_of_nothing_there_is_none_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(median([]))


@given(drawn.arrays(np.float64, st.tuples(st.integers(0, 4), st.integers(1, 7)), elements=NUMBERS))
def test_that_of_each_row_is_numpys_too(rows: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_equal(medians(rows) + 0.0, np.median(rows, axis=1) + 0.0)
