"""Places of records of one printed epoch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.readers.printed_epochs import PrintedEpochs


def places(*epochs: float) -> list[float]:
    printed = PrintedEpochs()
    for epoch in epochs:
        printed.add(epoch)
    assert len(printed) == len(epochs)
    return printed.places().tolist()[1:]


def test_the_last_one_is_what_was_told():
    printed = PrintedEpochs()
    assert printed.last == 0
    printed.add(0.1)
    printed.add(0.2)
    assert printed.last == 0.2


@pytest.mark.parametrize(
    ("epochs", "told"),
    [
        ((), []),
        ((0.25, 0.5, 1), [0.25, 0.5, 1]),
        ((0.1, 0.1, 0.2), [0.1, 0.15, 0.2]),
        # the last ones go on at the pace before
        ((0.1, 0.1, 0.2, 0.2, 0.2), [0.1, 0.15, 0.2, 0.25, 0.3]),
        # nothing to tell the pace by: within what two digits leave open
        ((0.53, 0.53), [0.53, 0.535]),
        # a run that was resumed
        ((0.1, 0.1, 0.2, 0.1, 0.1, 0.2), [0.1, 0.15, 0.2, 0.1, 0.15, 0.2]),
    ],
)
def test_records_of_one_epoch_stand_between_it_and_the_next(epochs, told):
    assert places(*epochs) == pytest.approx(told)


@given(st.lists(st.floats(1, 50), min_size=1, max_size=60), st.integers(1, 3))
def test_rounding_is_undone_to_less_than_its_last_digit(paces, digits):
    true = np.cumsum(paces) / 1000
    printed = np.round(true, digits)
    found = np.array(places(*printed))
    assert (np.diff(found) > 0).all()
    # but for the last ones, whose end nobody knows
    known = printed < printed[-1]
    assert (np.abs(found - printed)[known] <= np.diff(np.unique(printed), append=np.inf).max(initial=1)).all()
    assert (found[known] < printed[-1]).all()
