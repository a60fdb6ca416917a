"""Which windows of a text each step takes, asked of the schedules themselves: of a stream, and in rows of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any, cast
from unittest.mock import patch

import numpy as np

from sad import tiny
from sad.align.reader import Ints
from sad.data import pools, schedule
from sad.data.pools import Pools, make_pools
from sad.data.schedule import rows_of
from sad.data.stream import Streamed
from sad.errors import UserError
from sad.train.plan import Plan, _end_with, make_schedule

FIRST, LARGEST = 1, 4
"""Steps of the first pool and of the largest."""
CUTS = ((2, 1, 2), (1, 4, 1), (1, 1, 4))
"""Ways to cut a step: rows of a micro-batch, micro-batches, processes."""
PER_STEP = 4
EXPECTED = 3
"""Steps that are expected of a stream: fewer than most of them have."""
SEEDS = (3, 4)
ROOM = 24
WINDOWS = (1, 4, 5, 44, 61, 130)
"""Windows of a stream: fewer than a step has, as many, as many as some pools, and others."""


class Listed(Streamed):
    """A stream of windows that have nothing but a length; its end is not known before more is asked for.

    ``asked`` is the most that it was asked for. While it ``hangs`` no window comes.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.every, self.asked, self.hangs = np.array(sizes, dtype=np.int64), 0, False
        self._known = False

    def need(self, windows: int, until: Callable[[], bool] = lambda: False) -> int:
        """Return how many of so many windows there are."""
        if self.hangs:
            assert until(), "a stream that hangs is waited for"
            return 0
        self.asked = max(self.asked, windows)
        self._known |= windows > len(self.every)
        return min(windows, len(self.every))

    @property
    def size(self) -> int | None:
        """All its windows; None as long as its end is not known."""
        return len(self.every) if self._known else None

    def sizes(self, first: int, stop: int) -> tuple[Ints, Ints]:
        """Return the tokens of some windows, of both sides and of the longer one."""
        assert first <= stop <= self.asked, "a window is looked at that nobody asked for"
        return 2 * self.every[first:stop], self.every[first:stop]

    def end_at(self, windows: int) -> None:
        """Let it end there."""
        self.every, self._known = self.every[:windows], True

    def key_at(self, windows: int) -> str:
        """Return what decided the first so many windows."""
        return str(self.every[:windows].tolist())


def check_rows(sizes: Ints, rows: Sequence[Ints], room: int) -> None:
    """Raise AssertionError where texts of ``sizes`` tokens are not in rows of ``room``, or two rows fit into one."""
    assert sorted(i for row in rows for i in row.tolist()) == list(range(len(sizes))), "each text is in one row"
    taken = sorted(int(sizes[row].sum()) for row in rows)
    assert taken[-1] <= room, "a row holds more than fits"
    assert len(taken) == 1 or sum(taken[:2]) > room, "two rows fit into one"


@cache
def check_streams(*, packed: bool) -> None:
    """Judge streams of many lengths, in rows of several windows or one by one; those in pools of one length as well.

    Raises AssertionError where the steps of a stream do not take each window once a pass, each pass in an order of its
    own; where a row holds more than fits, or a pool leaves a fuller row to the next; where what a step takes depends on
    more than the seed, the stream and the step; where it asks for a window that it could do without.
    """
    draw = np.random.default_rng(0)
    some = [draw.integers(1, ROOM + 1, windows).tolist() for windows in WINDOWS]
    for sizes in map(np.array, some if packed else ()):
        check_rows(sizes, rows := rows_of(sizes, ROOM, SEEDS[0]), ROOM)
        # the bound of a best fit, the longest first (Johnson 1974)
        assert len(rows) <= 11 / 9 * -(-sizes.sum() // ROOM) + 1, "more rows than the longest first would need"
    for sizes in (*some, *([length] * 45 for length in (ROOM, ROOM // 2 + 1, ROOM // 2)), [1] * 200):
        for buckets in (False, True):
            with _small():
                _check(sizes, Form(ROOM if packed else None, buckets))
    with _small():
        for steps in range(1, 10):
            _check_end(some[-1], steps, packed)


@dataclass(frozen=True, slots=True)
class Form:
    """In rows of so much ``room``, or one by one; with windows of one length together, or not."""

    room: int | None
    buckets: bool

    def of(
        self, sizes: Sequence[int], seed: int = SEEDS[0], cut: tuple[int, int, int] = CUTS[0]
    ) -> tuple[Pools, Listed]:
        """The schedule of a stream that nobody has read, and the stream."""
        source = Listed(sizes)
        batch, accumulation, processes = cut
        own = (EXPECTED, batch, accumulation, seed, processes)
        return make_pools(source, *own, buckets=self.buckets, room=self.room), source


def _check(sizes: Sequence[int], form: Form) -> None:
    made, source = form.of(sizes)
    assert made.steps_per_epoch == EXPECTED, "other steps than are expected of a stream whose end nobody knows"
    first, read = _first_pass(made, source, form)
    second = list(_pass(made, len(sizes), len(first)))
    for one in (first, second):
        rows = [row for step in one for row in step]
        assert sorted(i for row in rows for i in row) == list(range(len(sizes))), "a pass takes each window once"
        assert all(len(step) == PER_STEP for step in one[:-1]), "a step that is not full"
        assert all(len(row) == 1 or sum(sizes[i] for i in row) <= (form.room or 0) for row in rows), "a row too full"
    assert len(second) == len(first) == made.steps_per_epoch, "passes of other lengths"
    units = sum(map(len, first))
    for steps in range(1, 2 * len(first) + 1):
        # a stream may end where a pool does: then the step behind it tells
        known = units < _pool(steps - 1)[1] * PER_STEP
        assert made.passes(steps) == steps / (len(first) if known else EXPECTED), "another number of passes"
    others = [[_taken(form.of(sizes, seed)[0], step) for step in range(len(first))] for seed in SEEDS]
    assert others[0] == first, "the same stream in another order"
    # of one step there may be but one order
    assert len(first) < 3 or first not in (others[1], second), "two seeds, or two passes, have one order"
    for cut in CUTS:
        again, read_through = form.of(sizes, cut=cut)
        read_through.need(len(sizes) + 1)
        for step in reversed(range(len(first) + len(second))):
            assert _taken(again, step) == [*first, *second][step], "what a step takes depends on who asks, and when"
            _check_shared(again, step)
    _check_waits(*form.of(sizes), [*read, *read[-1:]])


def _first_pass(made: Pools, source: Listed, form: Form) -> tuple[list[list[list[int]]], list[int]]:
    """The steps of the first pass, and how many windows the stream was asked for by each of them."""
    sizes, steps, read = source.every.tolist(), list[list[list[int]]](), list[int]()
    for step, taken in enumerate(_pass(made, len(sizes), 0)):
        steps.append(taken)
        read.append(source.asked)
        begins, stop = _pool(step)
        if source.size is not None:
            continue
        assert made.reach(step) == source.asked, "a step reaches another number of windows than it asks for"
        assert made.key(step + 1) == source.key_at(source.asked), "a step is told from another by other windows"
        rows = (stop - begins) * PER_STEP
        if form.room is None:
            assert source.asked == stop * PER_STEP, "a step asks for another pool than its own"
            assert made.windows(stop) == source.asked, "so many steps take another number of windows"
            continue
        before = {i for one in steps[:begins] for row in one for i in row}
        there = [sizes[i] for i in range(source.asked) if i not in before]
        assert sum(there[:-1]) < rows * form.room <= sum(there), "a pool asks for more windows than fill its rows"
        if step + 1 == stop:
            inside = [sum(sizes[i] for i in row) for one in steps[begins:] for row in one]
            left = sum(there) - sum(inside)
            assert left > form.room or left <= min(inside), "a pool leaves a fuller row than it has"
        if stop == FIRST:
            assert made.windows(FIRST) == source.asked, "so many steps take another number of windows"
    return steps, read


def _check_end(sizes: Sequence[int], steps: int, packed: bool) -> None:
    """Raise AssertionError where a stream of which all is needed beforehand ends elsewhere than its last step needs, or
    one with a teacher's answers elsewhere than they do.
    """
    train = {"max_steps": steps, "batch_size": 2, "accumulation": 2, "packing": packed, "buckets": False}
    asked = tiny.recipe({"train": train, "data": {"max_length": ROOM}})
    wanted = make_schedule(asked, Listed(sizes))
    assert isinstance(wanted, Pools), "a stream is taken pool by pool"
    whole, nothing = Listed(sizes), cast(Any, None)
    Plan(asked, nothing, whole, [], steps, "fp32", "cpu").whole()
    assert whole.size == wanted.reach(steps - 1), "a stream ends elsewhere than its last step needs"
    for there in (whole.size, whole.size + 1):
        answered = Listed(sizes)
        _end_with(cast(Any, Answered(there)), answered, asked, 1)
        assert answered.size == there, "a stream ends elsewhere than the teacher's answers"
    try:
        _end_with(cast(Any, Answered(whole.size - 1)), Listed(sizes), asked, 1)
    except UserError:
        return
    raise AssertionError("a run goes on of which a window has no answer")


@dataclass(frozen=True, slots=True)
class Answered:
    """What is asked of a cache that has answers for so many windows."""

    first_held_out: int
    folder: str = "the answers"


def _check_shared(made: Pools, step: int) -> None:
    """Raise AssertionError where the processes do not share a step among them, in as many batches each."""
    whole = _taken(made, step)
    parts = [made.rows(step, process) for process in range(made.processes)]
    assert len({len(part) for part in parts}) == 1, "one process takes more batches than another"
    assert max(len(some) for part in parts for some in part) <= made.batch_size, "a batch that is too large"
    each = [[row.tolist() for some in part for row in some] for part in parts]
    assert sorted(row for part in each for row in part) == sorted(whole), (
        "the processes take other rows than the step has"
    )
    assert max(map(len, each)) - min(map(len, each)) <= 1, "one process takes more rows than another"
    flat = [[i for row in some for i in row] for some in made.rows(step)]
    assert [some.tolist() for some in made.micro_batches(step)] == flat, "a batch of other windows than its rows"


def _check_waits(made: Pools, source: Listed, read: Sequence[int]) -> None:
    """Raise AssertionError where a wait for a step does not end, or ends before its windows are there."""
    for step, wanted in enumerate(read):
        source.hangs = True
        made.wait(step, lambda: True)
        source.hangs = False
        made.wait(step, lambda: False)
        assert source.asked >= wanted, "who waited for a step finds that its windows are not there"
        assert source.asked == wanted or source.size is not None, "who waits for a step waits for more"


def _pool(step: int) -> tuple[int, int]:
    """The steps from which, and up to which, the pool of a step goes."""
    begins, size = 0, FIRST
    while step >= begins + size:
        begins, size = begins + size, min(2 * size, LARGEST)
    return begins, begins + size


def _pass(made: Pools, windows: int, start: int) -> Iterator[list[list[int]]]:
    """What each step takes, until so many windows were taken."""
    for step in count(start):
        yield (taken := _taken(made, step))
        windows -= sum(map(len, taken))
        if windows <= 0:
            return
        assert taken, "a step takes nothing"


def _taken(made: Pools, step: int) -> list[list[int]]:
    return [row.tolist() for row in made.taken(step)]


@contextmanager
def _small() -> Iterator[None]:
    """While it is open, a pass of a few steps has several pools of each size."""
    with patch.multiple(pools, FIRST=FIRST, POOL=LARGEST), patch.object(schedule, "POOL", LARGEST):
        yield
