"""The order of a stream: every window once a pass, a function of the seed and the stream, no farther than it must."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_stream import Listed

from sad import tiny
from sad.align.example import Readers
from sad.data import pools, segments
from sad.data.pools import FIRST, PackedPools, Pools, make_pools, pool_of, steps_of
from sad.data.schedule import POOL
from sad.data.stream import Streamed
from sad.errors import UserError

READERS = Readers(tiny.reader(320), tiny.reader(400))
small = st.integers(1, 4)


ROOM = 48
"""Tokens of a row that holds several windows."""


def schedule(
    sizes: list[int],
    batch: int,
    accumulation: int,
    seed: int,
    processes: int = 1,
    *,
    buckets: bool = True,
    room: int | None = None,
    expected: int = 10**6,
) -> Pools:
    return make_pools(Listed(sizes), expected, batch, accumulation, seed, processes, buckets=buckets, room=room)


@st.composite
def any_pools(draw: st.DrawFn) -> Pools:
    sizes = draw(st.lists(st.integers(2, 40), min_size=1, max_size=400))
    own = draw(small), draw(small), draw(small), draw(st.integers(1, 4))
    return schedule(sizes, *own, buckets=draw(st.booleans()), room=draw(st.sampled_from([None, ROOM])))


def passes(one: Pools) -> int:
    every = one.source.every.tolist()  # type: ignore[attr-defined]
    if isinstance(one, PackedPools):
        whole = schedule(every, one.per_step, 1, one.seed, room=ROOM)
        whole.source.need(len(every) + 1)
        return whole.steps_per_epoch
    return -(-len(every) // one.per_step)


def room_of(one: Pools) -> int | None:
    return ROOM if isinstance(one, PackedPools) else None


def taken(one: Pools, step: int) -> list[int]:
    return [i for p in range(one.processes) for some in one.micro_batches(step, p) for i in some.tolist()]


@given(any_pools(), st.integers(0, 2))
def test_a_pass_takes_every_window_once(one: Pools, epoch: int) -> None:
    first = epoch * passes(one)
    found = [i for step in range(first, first + passes(one)) for i in taken(one, step)]
    assert sorted(found) == list(range(len(one.source.every)))  # type: ignore[attr-defined]


@given(any_pools(), st.integers(0, 40), small)
def test_a_step_takes_the_same_windows_however_it_is_asked(one: Pools, step: int, more: int) -> None:
    """Before or after others, on one process or several, with the end of the stream known or not."""
    sizes = one.source.every.tolist()  # type: ignore[attr-defined]
    how: Any = {"buckets": one.buckets, "room": room_of(one)}
    alone = schedule(sizes, one.per_step, 1, one.seed, **how, expected=more)
    for other in (step + more, 0, 10**4):
        alone.units(other)
    assert sorted(taken(one, step)) == sorted(taken(alone, step))
    assert [row.tolist() for row in one.taken(step)] == [row.tolist() for row in alone.taken(step)]
    # as a run asks for the next steps
    again = schedule(sizes, one.per_step, 1, one.seed, **how)
    steps = [again.units(number).tolist() for number in range(step + 1)]
    assert steps[step] == one.units(step).tolist()


@given(any_pools(), st.integers(0, 40))
def test_a_step_needs_its_own_pool_and_no_more(one: Pools, step: int) -> None:
    one.units(step)
    if isinstance(one, PackedPools):
        # what a pool of rows asks for is seen in the packer's own tests
        assert one.reach(step) == len(one.source.every) or one.source.asked == one.reach(step)  # type: ignore[attr-defined]
        assert sum(map(len, one.taken(step))) <= one.reach(step)
        return
    assert one.source.asked == pool_of(step)[2] * one.per_step  # type: ignore[attr-defined]
    if step < passes(one):
        _, start, stop = pool_of(step)
        assert all(start * one.per_step <= i < stop * one.per_step for i in one.units(step))


def test_pools_follow_each_other_and_grow() -> None:
    found = [pool_of(0)]
    while found[-1][2] < 1000:
        found.append(pool_of(found[-1][2]))
    assert [number for number, _, _ in found] == list(range(len(found)))
    assert [stop - start for _, start, stop in found[:6]] == [FIRST, 16, 32, POOL, POOL, POOL]
    for (_, _, stop), (_, start, _) in pairwise(found):
        assert stop == start
    for one in found[:8]:
        assert {pool_of(step) for step in range(*one[1:])} == {one}
    assert [steps_of(number) for number in range(len(found))] == [stop - start for _, start, stop in found]


def test_pools_epochs_and_seeds_have_other_orders() -> None:
    def of(seed: int, epoch: int, number: int, buckets: bool) -> list[int]:
        # two pools of the same lengths
        one = schedule([*range(10, 74)] * 20, 1, 1, seed, buckets=buckets)
        start = pool_of(56 + POOL * number)[1]
        steps = range(start + epoch * 1280, start + epoch * 1280 + POOL)
        return [int(i) - start for step in steps for i in one.units(step)]

    for buckets in (False, True):
        orders = [of(0, 0, 0, buckets), of(1, 0, 0, buckets), of(0, 1, 0, buckets), of(0, 0, 1, buckets)]
        assert len({tuple(order) for order in orders}) == 4
        assert {tuple(sorted(order)) for order in orders} == {tuple(range(POOL))}


def test_buckets_have_windows_of_one_length() -> None:
    sizes = np.random.default_rng(0).integers(8, 512, 4096).tolist()

    def padded(one: Pools) -> float:
        steps = [np.array(sizes)[one.units(step)] for step in range(512)]
        return sum(sizes) / sum(len(step) * int(step.max()) for step in steps)

    assert padded(schedule(sizes, 8, 1, 0)) > 0.85
    assert padded(schedule(sizes, 8, 1, 0, buckets=False)) < 0.65


def test_what_is_told_of_a_pass_before_its_end_is_what_is_expected() -> None:
    one = schedule([9] * 50, 4, 1, 0, expected=30)
    assert one.steps_per_epoch == 30
    one.units(12)
    assert one.steps_per_epoch == 13
    assert one.lead == pools.LEAD * 4


@pytest.mark.parametrize("buckets", [False, True])
def test_a_real_stream_gives_its_windows_in_that_order(
    tmp_path: Path, buckets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FIRST", 300)
    texts = [f"{number} {tiny.TEXT[37 * number : 37 * number + 160]}" for number in range(12)]
    source = Streamed(texts, READERS, 24, tmp_path, workers=0)
    one = Pools(10**6, 2, 1, 5, source=source, buckets=buckets)
    seen = [one.units(step).tolist() for step in range(30)]
    assert source.size is not None
    listed = schedule(source.lengths.tolist(), 2, 1, 5, buckets=buckets)
    assert seen == [listed.units(step).tolist() for step in range(30)]
    keys = [Pools(10**6, 2, 1, 5, source=source, buckets=buckets).key(step) for step in (0, 1, 8, 9, 10**5)]
    assert keys[0] == keys[1] == keys[2]
    assert keys[3] != keys[2]
    assert keys[4] == source.key_at(10**9)


def test_a_stream_that_breaks_is_told_where_its_step_is_asked_for(tmp_path: Path) -> None:
    def breaks() -> Any:
        yield tiny.TEXT
        raise ConnectionError("connection lost")

    one = Pools(10**6, 2, 1, 5, source=Streamed(breaks(), READERS, 24, tmp_path, workers=0), buckets=True)
    with pytest.raises(UserError, match="connection lost"):
        one.units(0)
    with pytest.raises(UserError, match="connection lost"):
        one.wait(0, lambda: False)


@given(st.integers(1, 120), small, small, st.sampled_from([None, ROOM]))
def test_the_passes_of_a_step_do_not_tell_how_far_ahead_the_stream_was_read(
    size: int, per_step: int, more: int, room: int | None
) -> None:
    one, ahead = (schedule([13] * size, per_step, 1, 3, expected=500, room=room) for _ in range(2))
    ahead.source.need(size + more)
    whole = passes(one)
    for step in range(whole + 1):
        one.wait(step, lambda: False)
        assert ahead.passes(step + 1) == one.passes(step + 1)
    # it is over by then
    assert one.passes(whole + 1) == (whole + 1) / whole


def test_rows_come_in_another_order_in_each_pass_and_seed_and_hold_what_they_held() -> None:
    sizes = np.random.default_rng(0).integers(4, ROOM, 400).tolist()

    def taken_of(epoch: int, seed: int) -> list[tuple[int, ...]]:
        one = schedule(sizes, 2, 1, seed, room=ROOM)
        first = epoch * passes(one)
        return [tuple(row.tolist()) for step in range(first, first + 24) for row in one.taken(step)]

    first, second, other = taken_of(0, 0), taken_of(1, 0), taken_of(0, 1)
    # of the pools up to the steps 8 and 24
    for stop in (16, 48):
        assert first[:stop] != second[:stop]
        assert set(first[:stop]) == set(second[:stop])
    assert first != other


class Uneven(Listed):
    """Windows that have as many tokens in one tokenizer as in the other, or half as many."""

    def sizes(self, first: int, stop: int) -> tuple[Any, Any]:
        _, longer = super().sizes(first, stop)
        return longer + longer // (1 + np.arange(first, stop) % 2), longer


def test_rows_of_a_step_have_about_as_many_tokens_in_both_tokenizers() -> None:
    sizes = np.random.default_rng(0).integers(4, ROOM, 1500).tolist()

    def spread(buckets: bool) -> float:
        source = Uneven(sizes)
        one = make_pools(source, 10**6, 4, 1, 0, buckets=buckets, room=ROOM)
        found = []
        for step in range(8, 56):
            rows = one.taken(step)
            both = source.sizes(0, source.asked)[0]
            totals = [int(both[row].sum()) for row in rows]
            found.append(max(totals) - min(totals))
        return float(np.mean(found))

    assert spread(buckets=True) < 0.25 * spread(buckets=False)


def test_a_run_prepares_about_as_many_windows_as_its_rows_hold() -> None:
    one = schedule([12] * 4000, 2, 1, 0, room=ROOM)
    assert one.windows(50) == 50 * 2 * 4
    assert one.lead == pools.LEAD * 2 * 4
    assert one.source.asked == one.reach(0) == FIRST * 2 * 4  # type: ignore[attr-defined]
