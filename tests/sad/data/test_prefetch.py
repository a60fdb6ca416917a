"""Made ahead or when asked for: the same, in the same order, and nobody waits for ever."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.data.prefetch import Prefetched


@given(st.integers(0, 5), st.integers(0, 12), st.integers(0, 4))
def test_the_same_with_and_without(start: int, more: int, ahead: int) -> None:
    with Prefetched(lambda step: step * step, start, start + more, ahead) as data:
        assert list(data) == [step * step for step in range(start, start + more)]


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "sad-prefetch"]


def test_the_thread_ends_with_the_context_also_in_the_middle() -> None:
    with Prefetched(lambda step: step, 0, 10**6, 2) as data:
        assert next(iter(data)) == 0
        assert threads()
    assert not threads()


def test_no_more_is_made_than_is_allowed() -> None:
    made: list[int] = []
    with Prefetched(lambda step: made.append(step), 0, 100, 2) as data:
        some = iter(data)
        for _ in range(3):
            next(some)
        time.sleep(0.05)
        # three taken, two ready, one in hand
        assert len(made) <= 6
    with Prefetched(lambda step: made.append(step), 0, 100, 0):
        pass
    assert len(made) <= 6


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_is_raised_where_its_step_is_asked_for(ahead: int) -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("no such text")
        return step

    with Prefetched(make, 0, 5, ahead) as data:
        some = iter(data)
        assert [next(some), next(some)] == [0, 1]
        with pytest.raises(ValueError, match="no such text"):
            next(some)


def test_waiting_is_measured() -> None:
    with Prefetched(lambda _: time.sleep(0.02), 0, 3, 0) as data:
        list(data)
    assert data.waited >= 0.05
    with Prefetched(lambda _: time.sleep(0.001), 0, 3, 3) as data:
        time.sleep(0.05)
        list(data)
    assert data.waited < 0.04
