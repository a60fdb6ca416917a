"""Rows of a stream's windows: each window in one row, full ones, the same ones however they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from listed_stream import Listed

from sad.data.packer import PACKED, Packer, Pool
from sad.data.schedule import rows_of
from sad.errors import UserError

ROOM = 40
FEW, MANY = 3, 7
"""Rows of the first pool and of each other."""


def rows(number: int) -> int:
    return MANY if number else FEW


def packer(sizes: list[int], seed: int = 0) -> Packer:
    return Packer(Listed(sizes), ROOM, seed, rows)


def every(one: Packer) -> list[Pool]:
    found = [one.pool(0)]
    while one.size is None or found[-1].first + len(found[-1].rows) < one.size:
        found.append(one.pool(len(found)))
    return found


def told(pool: Pool) -> Any:
    return pool.first, pool.stop, [row.tolist() for row in pool.rows]


texts = st.lists(st.integers(1, ROOM), min_size=1, max_size=200)


@example([21] * 4, 0)
@example([21] * 24, 0)
@given(texts, st.integers(0, 3))
def test_each_window_is_in_one_row_and_each_pool_but_the_last_is_full(sizes: list[int], seed: int) -> None:
    found = every(packer(sizes, seed))
    assert sorted(i for pool in found for row in pool.rows for i in row.tolist()) == list(range(len(sizes)))
    assert [len(pool.rows) for pool in found[:-1]] == [rows(number) for number in range(len(found) - 1)]
    assert len(found[-1].rows) <= rows(len(found) - 1)
    assert [pool.first for pool in found] == [sum(len(pool.rows) for pool in found[:at]) for at in range(len(found))]
    for row in (row for pool in found for row in pool.rows):
        assert len(row) == 1 or sum(sizes[i] for i in row) <= ROOM
    assert found[-1].stop == len(sizes)


@given(texts, st.integers(0, 3), st.data())
def test_a_pool_is_the_same_however_it_is_asked_for(sizes: list[int], seed: int, data: st.DataObject) -> None:
    """Before others or after them, by one that begins there, with the end of the stream known or not."""
    found = [told(pool) for pool in every(packer(sizes, seed))]
    other = packer(sizes, seed)
    if data.draw(st.booleans()):
        other._source.need(10**6)
    for number in data.draw(st.lists(st.integers(0, len(found) + 2), max_size=6)):
        assert told(other.pool(number)) == found[min(number, len(found) - 1)]
    # those that are beyond the end have no more rows
    assert sum(len(pool[2]) for pool in found) == sum(len(pool.rows) for pool in every(other)) == other.size


@example([ROOM] * 60, 2)
@given(texts, st.integers(0, 4))
def test_a_pool_asks_for_no_window_that_it_could_do_without(sizes: list[int], number: int) -> None:
    one = packer(sizes)
    stop = one.pool(number).stop
    asked = one._source.asked  # type: ignore[attr-defined]
    if one._source.size is None:
        assert asked == stop
        before = {i for at in range(number) for row in one.pool(at).rows for i in row.tolist()}
        there = [min(ROOM, sizes[i]) for i in range(stop - 1) if i not in before]
        assert sum(there) < rows(number) * ROOM
    assert stop <= len(sizes)


@given(texts, st.integers(0, 3))
def test_the_fullest_rows_are_taken_first(sizes: list[int], seed: int) -> None:
    """What is next to empty may be filled later on."""
    pool, kept = packer(sizes, seed).pool(0), np.minimum(sizes, ROOM)
    made = rows_of(kept[: pool.stop], ROOM, seed, PACKED, 1)
    fullest = sorted((int(kept[row].sum()) for row in made), reverse=True)[:FEW]
    assert sorted((int(kept[row].sum()) for row in pool.rows), reverse=True) == fullest


@pytest.mark.parametrize("kind", ["uneven", "long", "two thirds"])
def test_there_are_hardly_more_rows_than_if_all_windows_were_packed_at_once(kind: str) -> None:
    draw = np.random.default_rng(0)
    sizes = {
        "uneven": np.clip(draw.lognormal(2.0, 1.0, 4000), 1, ROOM).astype(int),
        "long": draw.integers(ROOM // 4, ROOM + 1, 4000),
        # no two of them share a row: nothing that is carried on must pile up
        "two thirds": np.full(4000, 27),
    }[kind]
    one = Packer(Listed(sizes.tolist()), ROOM, 0, lambda _: 64)
    found = every(one)
    full = [sum(int(sizes[row].sum()) for row in pool.rows) / (ROOM * len(pool.rows)) for pool in found]
    assert kind != "uneven" or min(full[:-1]) > 0.99
    assert one.size is not None
    assert one.size <= 1.025 * len(rows_of(sizes, ROOM, 0))
    behind = [pool.stop - sum(len(row) for p in found[: at + 1] for row in p.rows) for at, pool in enumerate(found)]
    assert max(behind) < 64


def test_pools_are_not_made_at_each_step_by_those_who_go_through_a_stream_whose_end_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a run does: it looks how many rows there are in each step, and prepares a step ahead."""
    made: list[int] = []
    kept = Packer._made

    def counted(self: Packer, number: int, until: Callable[[], bool]) -> Pool | None:
        made.append(number)
        return kept(self, number, until)

    monkeypatch.setattr(Packer, "_made", counted)
    one = packer([9] * 400)
    one._source.need(10**6)
    for number in range(10):
        for ahead in (0, 1, 0):
            one.pool(number + ahead)
            assert one.size == 100
    # once for the size, and once or twice where it is gone through
    assert len(made) <= 15 + 2 * 11


def test_a_wait_that_is_broken_off_is_taken_up_again() -> None:
    class Halting(Listed):
        halts = True

        def need(self, windows: int, until: Callable[[], bool] = lambda: False) -> int:
            return super().need(min(windows, 5) if self.halts and until() else windows)

    sizes = [9] * 60
    source = Halting(sizes)
    one = Packer(source, ROOM, 0, rows)
    assert one.wait(2, lambda: True) is None
    assert one.size is None
    source.halts = False
    found = one.wait(2, lambda: True)
    assert found is not None
    assert told(found) == told(packer(sizes).pool(2))


def test_a_stream_that_breaks_is_told() -> None:
    class Broken(Listed):
        def need(self, windows: int, _until: Callable[[], bool] = lambda: False) -> int:
            if windows > 20:
                raise UserError("the stream broke")
            return super().need(windows)

    one = Packer(Broken([30] * 60), ROOM, 0, rows)
    assert len(one.pool(0).rows) == FEW
    with pytest.raises(UserError, match="the stream broke"):
        one.pool(9)
