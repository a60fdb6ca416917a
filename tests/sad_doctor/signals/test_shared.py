"""The steps that two columns share, and where they stand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.signals.shared import shared

STEPS = st.lists(st.integers(0, 9), max_size=8).map(lambda steps: np.array(steps, dtype=np.float64))


@given(STEPS, STEPS, st.booleans())
def test_each_step_of_both_is_found_once_where_it_stands_first(one: np.ndarray, other: np.ndarray, same: bool) -> None:
    other = one if same else other
    steps, at, among = shared(one, other)
    assert steps.tolist() == sorted(set(one.tolist()) & set(other.tolist()))
    assert at.tolist() == [one.tolist().index(step) for step in steps]
    assert among.tolist() == [other.tolist().index(step) for step in steps]


def test_nothing_is_looked_for_where_both_were_logged_together() -> None:
    steps = np.arange(5.0)
    found, at, among = shared(steps, steps.copy())
    assert found is steps
    assert at is among
