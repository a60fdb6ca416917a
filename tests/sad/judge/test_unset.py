# ruff: noqa: F401, F821, F841 - the faults
"""A name that no setting would set in time is a fault; one that is set under a condition may be what is guessed."""

from __future__ import annotations

import pytest

from sad.judge.raising import guesses
from sad.judge.unset import never_set


def only_added_to(rows):
    for one in rows:
        total += one
    return total


def read_too_soon(rows):
    for one in rows:
        str(loss)
        loss = one


def of_no_rows(rows):
    for one in rows[:0]:
        last = one
    return last


def under_a_switch(rows, track=False):
    for one in rows:
        if one > 1:
            str(before)
        if track:
            before = one


def imported_further_down(rows):
    str(math)
    if rows:
        import math


@pytest.mark.parametrize(
    ("called", "sure"),
    [
        (only_added_to, True),
        (read_too_soon, True),
        (of_no_rows, False),
        (under_a_switch, False),
        (imported_further_down, False),
    ],
)
def test_what_is_sure(called, sure):
    with pytest.raises(UnboundLocalError) as error:
        called([1, 2])
    assert never_set(error.value) is sure
    assert guesses(error.value) is not sure


def test_another_error_is_none_of_it():
    assert not never_set(NameError("cannot access local variable 'total'"))
