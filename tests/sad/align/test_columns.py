"""Examples as flat arrays: what goes in comes out, to the last number."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sad.align.columns import LISTS, packed
from sad.align.example import Example

numbers = st.lists(st.integers(0, 2**31 - 1), min_size=2, max_size=9).map(lambda n: np.array(n, dtype=np.int64))
places = st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True).map(lambda n: np.array(sorted(n)))
runs = st.one_of(st.none(), st.lists(st.integers(0, 50), min_size=4, max_size=4).map(lambda n: np.array([n])))
some = st.lists(st.builds(Example, numbers, numbers, places, places, st.integers(0, 2**31 - 1), runs), max_size=6)


@given(some)
def test_what_goes_in_comes_out(examples: list[Example]) -> None:
    columns = packed(examples)
    assert len(columns) == len(examples)
    for row, one in enumerate(examples):
        found = columns.example(row)
        for name in LISTS:
            left, right = getattr(one, name), getattr(found, name)
            assert (left is None) == (right is None)
            assert left is None or (left.tolist() == right.tolist() and right.dtype == np.int64)
        assert found.byte_count == one.byte_count


def test_labels_are_counted_with_and_without_runs() -> None:
    ids, at = np.arange(10), np.array([2, 5])
    plain, some_runs = (
        Example(ids, ids, at, at, 3),
        Example(ids, ids, at, at, 3, np.array([[2, 4, 2, 4], [5, 9, 5, 9]])),
    )
    assert packed([plain, some_runs]).labels.tolist() == [7, 6] == [len(e.labels()[0]) for e in (plain, some_runs)]
