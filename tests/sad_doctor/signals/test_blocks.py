import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import signals
from sad_doctor.run import Column


def column(values):
    return Column(np.arange(len(values), dtype=float), np.array(values, dtype=float))


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=200), st.integers(1, 4))
def test_medians_of_blocks_from_the_end(values, count):
    found = signals.blocks(column(values), count, fewest=2)
    size = len(values) // count

    assert found is not None
    for i in range(count):
        end = len(values) - (count - 1 - i) * size
        assert found.middle[i] == np.median(values[end - size : end])
        assert end - size <= found.step[i] < end
    assert found.range == found.middle.max() - found.middle.min()


def test_the_error_is_that_of_a_median_and_a_slope_is_no_noise():
    rng = np.random.default_rng(0)
    noisy = signals.blocks(column(100 + rng.standard_normal(40_000)), 200)
    sloped = signals.blocks(column(np.linspace(0, 4000, 40_000)), 200)

    assert noisy is not None
    assert sloped is not None
    assert np.std(noisy.middle) == pytest.approx(np.median(noisy.error), rel=0.15)
    assert np.max(sloped.error) < 0.1


def test_too_few_and_what_is_not_finite():
    assert signals.blocks(column([1, 2, 3]), 2) is None
    assert signals.ends(column([1] * 11)) is None
    found = signals.blocks(column([1, np.nan, 1, 1, np.inf, 1, 1, 1, 1, 1]), 2)
    assert found is not None
    assert found.middle.tolist() == [1, 1]


def test_ends_are_thirds():
    first, last = signals.ends(column(range(30)), skip=0) or ([], [])

    assert (list(first), list(last)) == (list(range(10)), list(range(20, 30)))


def test_a_fall_in_the_first_tenth_is_one():
    quick = signals.fall(column([6.6] * 4 + [5.5 + 0.2 * (i % 3) for i in range(36)]))
    slow = signals.fall(column([6.6 - 0.05 * i for i in range(40)]))

    assert quick is not None
    assert quick.surely_above(0.7)
    assert slow is not None
    assert slow.amount == pytest.approx(0.05 * 26, abs=0.1)
    assert signals.fall(column([1] * 11)) is None
    gone = signals.fall(column([6.6] * 4 + [0.1] * 36))
    assert gone is not None
    assert gone.amount == pytest.approx(0, abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40, unique=True))
def test_rank_correlation_sees_order_only(values):
    a = np.array(values)
    ranks = np.argsort(np.argsort(a)).astype(float)

    assert signals.rank_correlation(a, ranks**3) == pytest.approx(1)
    assert signals.rank_correlation(a, -ranks) == pytest.approx(-1)
    assert np.isnan(signals.rank_correlation(a, np.ones(a.size)))
