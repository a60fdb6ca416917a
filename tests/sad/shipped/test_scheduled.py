"""What is wrong with the steps of a stream is named."""

from dataclasses import replace

import numpy as np
import pytest

from sad.data import packer, pools
from sad.data.packer import Packer
from sad.data.pools import PackedPools, Pools
from sad.data.schedule import Schedule
from sad.shipped import scheduled
from sad.shipped.scheduled import check_rows, check_streams
from sad.train.plan import Plan

shipped = {
    **{name: getattr(Packer, name) for name in ("_read", "wait")},
    **{name: getattr(Pools, name) for name in ("units", "reach", "_of_pool", "passes")},
    "taken": PackedPools.taken,
    "rows": Schedule.rows,
    "order": pools.order,
}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (lambda sizes: [[i] for i in range(len(sizes))], "two rows fit into one"),
        (lambda sizes: [range(len(sizes))], "a row holds more than fits"),
        (lambda sizes: [[i] for i in range(1, len(sizes))], "each text is in one row"),
    ],
)
def test_rows_that_are_not_those_of_a_best_fit_are_named(rows, says):
    sizes = np.array([5, 2, 2])
    with pytest.raises(AssertionError, match=says):
        check_rows(sizes, [np.array(row) for row in rows(sizes)], 5)


def greedy(self, first, tokens, until):
    """Windows for a row more than is wanted."""
    return shipped["_read"](self, first, tokens + 2 * self._room * (tokens > 0), until)


@pytest.mark.parametrize(
    ("owner", "name", "made", "packed", "says"),
    [
        (
            PackedPools,
            "taken",
            lambda self, step: [row[:1] for row in shipped["taken"](self, step)],
            True,
            "each window once",
        ),
        (Packer, "_read", greedy, True, "more windows than fill its rows"),
        (Packer, "wait", lambda self, number, _: shipped["wait"](self, number, lambda: False), True, "is waited for"),
        (packer, "rows_of", lambda sizes, *_: [np.arange(len(sizes))], True, "too full"),
        (np, "argsort", lambda a, **_: np.arange(len(a)), True, "a fuller row"),
        (PackedPools, "wait", lambda *_: None, True, "are not there"),
        (Pools, "wait", lambda *_: None, False, "are not there"),
        (Pools, "reach", lambda self, step: shipped["reach"](self, step + 1), False, "windows are not there"),
        (Pools, "key", lambda self, _: self.source.key_at(1), False, "by other windows"),
        (Pools, "passes", lambda self, steps: shipped["passes"](self, steps + 1), False, "number of passes"),
        (Pools, "units", lambda self, step: shipped["units"](self, step)[:1], False, "each window once"),
        (
            pools,
            "order",
            lambda size, _, seed, *part: shipped["order"](size, 0, seed, *part),
            False,
            "have one order",
        ),
        (
            pools,
            "order",
            lambda size, epoch, _, *part: shipped["order"](size, epoch, 0, *part),
            False,
            "have one order",
        ),
        (
            Schedule,
            "rows",
            lambda self, step, _=0: shipped["rows"](self, step, 0),
            False,
            "other rows than the step",
        ),
        (
            Schedule,
            "rows",
            lambda self, step, process=0: shipped["rows"](replace(self, processes=1), step)[process:],
            False,
            "than",
        ),
        (Plan, "whole", lambda _: None, False, "than its last step needs"),
        (scheduled, "_end_with", lambda *_: None, False, "than the teacher's answers"),
        (scheduled, "_end_with", lambda has, of, *_: of.end_at(has.first_held_out), False, "has no answer"),
    ],
)
def test_what_is_wrong_with_the_steps_of_a_stream_is_named(monkeypatch, owner, name, made, packed, says):
    monkeypatch.setattr(owner, name, made)
    with pytest.raises(AssertionError, match=says):
        check_streams.__wrapped__(packed=packed)


def test_the_right_steps_are_not_blamed_and_the_constants_are_put_back():
    for packed in (False, True):
        check_streams.__wrapped__(packed=packed)
    assert (pools.FIRST, pools.POOL) == (8, 64)
