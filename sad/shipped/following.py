"""What follows the student from step to step, asked about steps that have nothing to say."""

from __future__ import annotations

import math
from functools import cache

import torch

from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps

NOTHING = (math.nan, math.inf, -math.inf)


@cache
def check_following() -> None:
    """Raise AssertionError where a number that is none moves what follows the student, where a term that waits has a
    weight before anything is known, or where one that is recalled goes on otherwise.
    """
    _check_gaps()
    _check_readiness()


def _check_gaps() -> None:
    made = Gaps(1.0, 4.0)
    for known in ({}, {"mean": 2.0}, {"mean": 2.0, "size": 0.5}):
        for bad in (*NOTHING, 0.0, -1.0):
            for gap, factor in ((bad, 1.0), (1.0, bad)):
                made.recall(known)
                made.follow(gap, factor)
                assert made.state() == known, f"a gap of {gap:g} with factors of {factor:g} is counted"
    made.recall({"mean": 2.0, "size": 0.5})
    assert made.weights(torch.tensor([2.0, 4.0])).tolist() == [2.0, 4.0], "other weights of places"
    assert float(made.counted()) == 3, "another sum of factors"
    # what is next to nothing may be computed as a little less
    rooted = Gaps(0.5, 4.0, mean=1.0)
    assert rooted.weights(torch.tensor([-1e-9, 1.0, 100.0])).tolist() == [0.25, 1.0, 4.0], "other weights of places"
    made.begin()
    assert float(made.counted()) == 0, "what was counted is not forgotten"


def _check_readiness() -> None:
    made = Readiness({"kd": 2.0}, 0.25, 0.5)
    made.follow(1.0)
    assert made.weights == {"kd": 0.0}, "a term that waits has a weight before anything is known"
    for bad in NOTHING:
        made.measure(bad, 1.0)
        assert made.weights == {"kd": 0.0}, "a term that waits has a weight before anything is known"
    made = Readiness({"kd": 2.0}, 0.25, 0.5)
    made.measure(3.0, 1.0)
    for loss in (2.4, *NOTHING, 2.0):
        made.follow(loss)
    # the mean is 2.36, and 0.32 of the way is gone
    assert math.isclose(made.weights["kd"], 2.0 * (0.32 - 0.25) / 0.25), "another weight"
    state = made.state()
    again = Readiness({"kd": 2.0}, 0.25, 0.5)
    again.recall(state)
    assert again == made, "what is recalled is not what was told"
    # a loss that rises, and one that falls below the goal
    for loss, weight in ((9.0, made.weights["kd"]), (-100.0, 2.0)):
        made.follow(loss)
        assert made.weights == {"kd": weight}, "a weight falls, or rises above the whole"
