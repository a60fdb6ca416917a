import math

import pytest

from sad_doctor.readers.numbers import number, numbers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (2.5, 2.5),
        ("4.161", 4.161),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (True, None),
        (None, None),
        ("", None),
        ("1_000", None),
        ("9" * 1000, None),
        ("text", None),
        ([1.0], None),
    ],
)
def test_numbers(value, expected):
    assert number(value) == expected


def test_nan_in_every_spelling():
    assert all(math.isnan(number(value)) for value in ("NaN", "nan", "NAN", math.nan))


def test_rows_may_be_nested_one_level():
    row = {"step": 3, "losses": {"kd": 1.5, "deep": {"er": 1}}, "text": "no", "flag": True}
    assert dict(numbers(row)) == {"step": 3.0, "losses/kd": 1.5}
