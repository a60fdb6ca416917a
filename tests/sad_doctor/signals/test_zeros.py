"""Zeros among other values."""

from __future__ import annotations

import numpy as np
import pytest

from sad_doctor.run import Column
from sad_doctor.signals import zeros_astray, zeros_in_turn


def column(*zeros: int, level: float = 2.0, count: int = 30) -> Column:
    values = np.full(count, level)
    values[list(zeros)] = 0
    return Column(np.arange(float(count)), values)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (column(4, 9, 14, 19), [4, 9, 14, 19]),
        (column(4, 9, 15, 19), []),
        (column(4, 5, 6), []),
        (column(4), []),
        (column(4, 9, level=0.01), []),
        (column(*range(0, 30, 2), 29), []),
    ],
)
def test_zeros_at_one_distance(told, found):
    assert zeros_in_turn(told, 2, 0.1).tolist() == found


@pytest.mark.parametrize(
    ("told", "off", "found"),
    [
        (column(4, 9, 15), [], [4, 9, 15]),
        # the weight of the term is 0 there
        (column(4, 9, 15), [4.0, 9.0, 15.0], []),
        (column(4, 9, 14), [], []),
        (column(0, 4, 29), [], []),
        (column(4, 9, 15, level=0.01), [], []),
        (column(1, 3, 4, 7, 8, 11, 12), [], []),
    ],
)
def test_zeros_without_a_distance(told, off, found):
    assert zeros_astray(told, np.array(off), 2, 0.2, 0.1).tolist() == found
