from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.views import numerals


@pytest.mark.parametrize(
    ("value", "short", "full"),
    [
        (0.0, "0", "0"),
        (21_700.0, "21.7k", "21,700.0"),
        (485_165_195.41, "485M", "485,165,195"),
        (2.05e12, "2.05T", "2.050e+12"),
        (160.5575, "161", "160.56"),
        (3_211.15, "3.21k", "3,211.2"),
        (0.05, "0.05", "0.0500"),
        (2.01e-5, "2e-5", "2.010e-05"),
        (float("nan"), "NaN", "NaN"),
        (float("inf"), "∞", "∞"),
        (float("-inf"), "-∞", "-∞"),
    ],
)
def test_numbers_as_people_write_them(value, short, full):
    assert numerals.short(value) == short
    assert numerals.full(value) == full


@given(st.floats())
def test_labels_stay_short(value):
    assert len(numerals.short(value)) <= 8
    assert len(numerals.full(value)) <= 15
    assert numerals.step(value)
    assert numerals.percent(value)
    assert numerals.age(value)


def test_steps_percents_and_ages():
    assert numerals.step(21_700.0) == "21,700"
    assert numerals.step(0.25) == "0.25"
    assert numerals.step(1e308) == "1.000e+308"
    assert numerals.percent(0.906, 1) == "90.6%"
    assert [numerals.age(s) for s in (-3, 4, 720, 7_200, 200_000)] == ["0 s", "4 s", "12 min", "2 h", "2 d"]


def test_how_long_and_how_fast():
    lengths = (12, 200, 700, 7_500, 356_400, -1, float("nan"))
    told = ["12 s", "3 min 20 s", "12 min", "2 h 05 min", "4 d 3 h", "0 s", "0 s"]
    assert [numerals.lasting(seconds) for seconds in lengths] == told
    rates = (2.3, 0.4, 1 / 14, 0.005, 0, float("inf"))
    assert [numerals.pace(rate) for rate in rates] == [
        "2.3 steps/s", "2.5 s/step", "14 s/step", "3 min 20 s/step", "–", "–",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ticks", "told"),
    [
        ([2.8, 2.825, 2.85], ["2.8", "2.825", "2.85"]),
        ([9e-5, 9.5e-5, 1e-4, 1.05e-4], ["9e-5", "9.5e-5", "1e-4", "1.05e-4"]),
        ([0.0, 500.0, 1000.0], ["0", "500", "1k"]),
        ([1e6, 1.0001e6, 1.0002e6], ["1M", "1.0001M", "1.0002M"]),
        ([1.0], ["1"]),
        ([], []),
    ],
)
def test_labels_tell_where_their_ticks_lie(ticks, told):
    assert numerals.labels(ticks) == told


@given(st.floats(-1e12, 1e12), st.sampled_from([1, 2, 2.5, 5]), st.integers(-9, 9), st.integers(2, 9))
def test_labels_of_an_axis_differ(low, factor, power, count):
    size = factor * 10.0**power
    first = round(low / size)
    ticks = [n * size for n in range(first, first + count)]
    if abs(first) < 1e4:
        assert len(set(numerals.labels(ticks))) == count
