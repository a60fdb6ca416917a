"""A spike is far above what came before; a new level is not a spike for ever; noise is none."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.train.saving.checkpoint import Progress
from sad.train.watch.spikes import FEWEST, FLOOR, IN_A_ROW, NORMAL, SIGMAS, WINDOW, is_spike, limit, remember


def taken(losses: list[float]) -> tuple[Progress, list[bool]]:
    progress, found = Progress(), []
    for loss in losses:
        found.append(is_spike(progress, loss))
        remember(progress, loss, found[-1])
    return progress, found


@given(st.lists(st.floats(-3, 3), min_size=FEWEST, max_size=WINDOW))
def test_the_limit_is_that_of_numpy(recent: list[float]) -> None:
    middle = np.median(recent)
    spread = NORMAL * np.median(np.abs(np.array(recent) - middle))
    assert limit(recent) == pytest.approx(float(middle + max(FLOOR, SIGMAS * spread)))


def test_too_few_losses_make_no_spike() -> None:
    assert limit([0.0] * (FEWEST - 1)) == math.inf
    _, found = taken([1.0] * (FEWEST - 1) + [1e9])
    assert not any(found)


def test_one_wild_step_is_left_out_and_the_next_is_not() -> None:
    progress, found = taken([2.0] * 30 + [50.0] + [2.0] * 5)
    assert [i for i, spike in enumerate(found) if spike] == [30]
    assert (progress.spikes, progress.above, len(progress.recent)) == (1, 0, 35)
    assert max(progress.recent) == math.log(2.0)


def test_half_as_much_again_is_no_spike_where_nothing_varies() -> None:
    _, found = taken([2.0] * 30 + [2.99, 3.01])
    assert found[-2:] == [False, True]


def test_a_new_level_is_taken_after_some_steps() -> None:
    progress, found = taken([2.0] * 40 + [20.0] * 30)
    assert [i for i, spike in enumerate(found) if spike] == [40 + i for i in range(IN_A_ROW)]
    assert progress.recent == [math.log(20.0)] * (30 - IN_A_ROW)


@given(st.integers(0, 2**31))
def test_the_noise_of_small_batches_is_no_spike(seed: int) -> None:
    random = np.random.default_rng(seed)
    falling = 8 * np.exp(-np.arange(400) / 150) + 2
    _, found = taken([float(v) for v in falling * np.exp(random.normal(0, 0.15, 400))])
    assert not any(found)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 0.0, -1.0])
def test_what_has_no_logarithm_is_no_spike_and_not_remembered(loss: float) -> None:
    progress, found = taken([2.0] * 30 + [loss])
    assert not found[-1]
    assert len(progress.recent) == 30


def test_what_is_remembered_survives_a_checkpoint_to_the_bit() -> None:
    random = np.random.default_rng(3)
    first, _ = taken([float(v) for v in random.lognormal(1, 0.3, 60)])
    again = Progress.read(json.loads(json.dumps(asdict(first))))
    assert again == first
    assert limit(again.recent) == limit(first.recent)
