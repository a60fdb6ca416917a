import math
import warnings
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.signals import significand, significant_digits, tolerance, unit


@pytest.mark.parametrize(
    ("value", "expected"), [(485165195.41, 0.01), (51.7094, 1e-4), (12.0, 1), (100.0, 100), (2e-5, 1e-5), (math.nan, 0)]
)
def test_unit_of_the_last_digit(value, expected):
    assert unit(value) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "digits"), [(51.7094, 6), (2.3, 2), (0.0, 0), (4.852e8, 4), (math.inf, 0), (1 / 3, 16)]
)
def test_significant_digits(value, digits):
    assert significant_digits(value) == digits


@given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=6).map(float))
def test_digits_and_their_unit_are_those_of_the_decimal_number(value):
    single = float(np.float32(value)) if abs(value) < 1e38 else math.inf
    told = str(np.float32(value)) if single == value and not value.is_integer() else repr(value)
    digits = Decimal(told).normalize().as_tuple()
    assert unit(value) == float(Decimal(1).scaleb(digits.exponent))
    assert significant_digits(value) == (len(Decimal(repr(value)).normalize().as_tuple().digits) if value else 0)


@given(st.lists(st.floats(0.001, 1e4), min_size=1, max_size=8), st.integers(2, 6))
def test_printing_parts_and_total_stays_within_the_tolerance(parts, decimals):
    printed = [round(p, decimals) for p in parts]
    total = round(sum(parts), decimals)
    shown = [f"{v:.{decimals}f}" for v in (total, *printed)]
    allowed = tolerance(total, *printed)

    # a value such as 0.10 loses its zero, which only widens what is allowed
    bound = min(0.5 * 10.0**-decimals * len(shown), 0.005 * max(total, *printed))
    assert allowed >= bound
    if bound < 0.005 * max(total, *printed):
        assert abs(total - sum(printed)) <= allowed


@given(st.floats(1e-3, 1e12))
def test_tolerance_never_forgives_more_than_half_a_percent(value):
    assert tolerance(value) <= 0.00501 * value


def test_a_value_of_single_precision_shows_the_digits_it_was_written_with():
    assert unit(float(np.float32(0.0078))) == pytest.approx(1e-4)
    assert unit(0.0078) == pytest.approx(1e-4)
    assert unit(float(np.float32(485165195.41))) == 1
    assert unit(0.123456789012) == pytest.approx(1e-12)


def test_a_value_that_single_precision_cannot_hold_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unit(1e300) == unit(-1e300) == 1e300


def _rounded(bits: int, digits: int) -> np.ndarray:
    value = np.linspace(6.2, 4.1, 40) + np.random.default_rng(0).normal(0, 0.1, 40)
    step = np.exp2(np.floor(np.log2(value)) - (bits - 1))
    return np.round(step * np.round(value / step), digits)


@pytest.mark.parametrize(("bits", "digits", "found"), [(8, 16, 8), (8, 4, 8), (11, 5, 11), (24, 4, 0), (8, 1, 0)])
def test_numbers_that_fit_into_a_small_float(bits, digits, found):
    assert significand(_rounded(bits, digits)) == found


def test_too_few_numbers_or_one_and_the_same_tell_nothing():
    assert significand(_rounded(8, 16)[:15]) == 0
    assert significand(np.full(60, 6.15625)) == 0
