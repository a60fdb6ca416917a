import gc
import math
import weakref
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sad_doctor.run import Column
from sad_doctor.signals import cut, fades, finite, frozen, gain, spikes, still, tidy, trend
from sad_doctor.signals.series import Gain

VALUES = st.floats(-1e6, 1e6, width=32)
ANY = st.floats(width=32)


def column(values, steps=None):
    values = np.asarray(values, dtype=np.float64)
    return Column(np.arange(values.size, dtype=np.float64) if steps is None else np.asarray(steps, np.float64), values)


@given(st.lists(st.tuples(st.integers(0, 20), ANY), max_size=60))
def test_tidy_has_increasing_steps_and_the_last_value_of_each(points):
    tidied = tidy(column([v for _, v in points], [s for s, _ in points]))

    last = dict(points)
    assert tidied.step.tolist() == sorted(last)
    np.testing.assert_array_equal(tidied.value, [last[int(s)] for s in tidied.step])


@given(arrays(np.float64, st.integers(0, 40), elements=ANY))
def test_finite_keeps_exactly_the_finite_points(values):
    kept = finite(column(values))

    assert np.isfinite(kept.value).all()
    assert len(kept) == np.isfinite(values).sum()


@given(arrays(np.float64, st.integers(3, 60), elements=st.floats(0.125, 1e6, width=32)), st.floats(0.5, 100))
def test_trend_does_not_depend_on_the_unit(values, scale):
    assert trend(values * scale) == pytest.approx(trend(values), rel=1e-9, abs=1e-9)


def test_trend_of_known_series():
    assert trend(np.array([4.0, 4, 4, 3, 3, 3, 3, 3, 3])) == -0.25
    assert trend(np.array([2.0, np.nan, 2, np.inf, 3])) == 0.5
    assert math.isnan(trend(np.array([1.0, 2])))
    assert math.isnan(trend(np.array([0.0, 0, 0])))


@given(arrays(np.float64, st.integers(2, 50), elements=VALUES), st.floats(-1e3, 1e3))
def test_gain_of_a_shift_is_the_shift(values, shift):
    found = gain(values + shift, values)

    assert found.amount == pytest.approx(shift, abs=1e-6 * (1 + np.abs(values).max()))
    assert found.error >= 0
    assert not (found.surely_below(0.0) and found.surely_above(0.0))


def test_a_gain_is_surely_beyond_a_limit_that_its_interval_does_not_reach():
    found = Gain(0.5, 0.1)
    assert [found.surely_below(limit) for limit in (0.69, 0.71)] == [False, True]
    assert [found.surely_below(limit, sigmas=4) for limit in (0.89, 0.91)] == [False, True]
    assert [found.surely_above(limit) for limit in (0.19, 0.21)] == [True, False]
    assert [found.surely_above(limit, sigmas=4) for limit in (0.09, 0.11)] == [True, False]


def test_gain_error_covers_noise_and_not_slope():
    rng = np.random.default_rng(0)
    estimates = [gain(rng.standard_normal(100), rng.standard_normal(100)) for _ in range(400)]
    spread = np.std([e.amount for e in estimates])

    assert np.mean([e.error for e in estimates]) == pytest.approx(spread, rel=0.15)
    assert gain(np.linspace(9, 8, 100), np.linspace(8, 7, 100)).error < 0.01
    with pytest.raises(ValueError, match="two"):
        gain(np.ones(1), np.ones(5))


@given(st.lists(st.sampled_from([1.0, 2.0, float("nan"), float("inf")]), max_size=30))
def test_still_finds_the_longest_stretch_of_equal_finite_values(values):
    longest, count = 1, 1
    for a, b in pairwise(values):
        count = count + 1 if a == b and math.isfinite(a) else 1
        longest = max(longest, count)

    found = still(column(values))

    assert (found.count if found else 1) == longest
    if found:
        assert found.last - found.first == found.count - 1


def test_still_does_not_count_a_step_that_was_logged_again():
    assert still(column([5.0, 5.0], [3, 3])) is None


def test_spikes_stand_out_and_survive_a_level_that_moves():
    rng = np.random.default_rng(1)
    values = np.linspace(9, 5, 1000) + 0.1 * rng.standard_normal(1000)
    values[[300, 700]] += 6

    assert np.flatnonzero(spikes(values)).tolist() == [300, 700]
    assert spikes(values)[300] > 30


@given(arrays(np.float64, st.integers(0, 200), elements=ANY))
def test_spikes_never_fail_and_never_mark_what_is_not_finite(values):
    with np.errstate(all="ignore"):
        found = spikes(values)

    assert found.shape == values.shape
    assert not found[~np.isfinite(values)].any()


def test_a_noisy_series_that_ends_in_one_value_is_frozen():
    noisy = [round(2 + 0.0137 * ((7 * i) % 11), 4) for i in range(40)]
    step = np.arange(100.0)

    same, noise = frozen(Column(step, np.array(noisy + [-1.0] * 60)), 0.2)
    assert (same.value, same.count, same.first) == (-1, 60, 40)
    assert noise > 0.01
    assert frozen(Column(step, np.array([round(v, 1) for v in noisy] + [2.1] * 60)), 0.2) is None
    assert frozen(Column(step, np.array([-1.0] * 60 + noisy)), 0.2) is None
    assert frozen(Column(step, np.array(noisy + [-1.0] * 60)), 0.7) is None


def test_a_series_fades_or_stops():
    step = np.arange(20.0)

    assert fades(Column(step, np.concatenate((np.linspace(2, 0, 10), np.zeros(10)))), 0.3)
    assert not fades(Column(step, np.concatenate((np.full(10, 2.0), np.zeros(10)))), 0.3)
    assert not fades(Column(step, np.zeros(20)), 0.2)


def test_spikes_are_held_within_the_rest():
    values = np.linspace(2, 1, 200)
    values[50] = 900
    held = cut(values)
    assert 1 < held.max() < 2.1
    assert np.median(held) == pytest.approx(np.median(values))


def test_what_was_made_of_a_column_is_made_once_and_goes_with_it():
    column = Column(np.array([2.0, 1.0, 2.0]), np.array([1.0, np.nan, 3.0]))
    assert tidy(column) is tidy(column)
    assert tidy(column).step.tolist() == [1.0, 2.0]
    assert finite(tidy(column)).value.tolist() == [3.0]
    whole = Column(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    assert finite(tidy(whole)) is whole
    empty = Column(np.empty(0), np.empty(0))
    assert finite(empty) is empty
    gone = weakref.ref(whole)
    del whole
    gc.collect()
    assert gone() is None
