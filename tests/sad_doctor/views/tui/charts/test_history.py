"""What is thinned is compared with all rows, looked at one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.run import Column
from sad_doctor.views.tui.charts.history import History, grown_from

ODD = [np.nan, np.inf, -np.inf]


@st.composite
def columns(draw):
    """A long column with a few odd values and spikes; its steps may go back twice."""
    size = draw(st.integers(0, 3000))
    noise = np.random.default_rng(draw(st.integers(0, 2**16)))
    step = np.cumsum(noise.integers(0, 3, size)).astype(np.float64)
    value = noise.normal(size=size)
    for _ in range(draw(st.integers(0, 6)) if size else 0):
        value[noise.integers(0, size)] = draw(st.sampled_from([*ODD, 1e9, -1e9]))
    if size > 40:  # what lies in no whole bucket
        value[-draw(st.integers(1, 40))] = draw(st.sampled_from([1e10, -1e10]))
    for cut in draw(st.lists(st.integers(1, 2999), max_size=2)):
        step[cut:] -= 100
    return Column(step, value)


def in_pieces(column, cuts):
    """Follow a column as it grows to each of some lengths."""
    history = History()
    for size in sorted({min(cut, len(column)) for cut in cuts} | {len(column)}):
        history.follow(Column(column.step[:size], column.value[:size]))
    return history


@given(
    columns(), st.lists(st.integers(0, 3000), max_size=4), st.integers(1, 12), st.floats(-50, 500), st.floats(0, 6000)
)
def test_nothing_extreme_is_thinned_away(column, cuts, dots, left, width):
    history, right = in_pieces(column, cuts), left + width
    seen = history.view(left, right, dots)
    inside = column.value[(column.step >= left) & (column.step <= right)]
    finite = inside[np.isfinite(inside)]
    kept = seen.value[np.isfinite(seen.value)]
    assert kept.min(initial=np.inf) == finite.min(initial=np.inf)
    assert kept.max(initial=-np.inf) == finite.max(initial=-np.inf)
    if inside.size and np.all(np.diff(column.step) >= 0):
        assert (str(seen.value[0]), str(seen.value[-1])) == (str(inside[0]), str(inside[-1]))
    for odd in ODD:
        assert np.any([seen.value == odd, np.isnan(seen.value) & np.isnan(odd)]) == np.any(
            [inside == odd, np.isnan(inside) & np.isnan(odd)]
        )
    pairs = set(zip(column.step.tolist(), column.value.astype(str).tolist(), strict=True))
    assert set(zip(seen.step.tolist(), seen.value.astype(str).tolist(), strict=True)) <= pairs


@given(columns(), st.integers(2, 60))
def test_means_weigh_every_finite_row_once(column, dots):
    history = in_pieces(column, [])
    finite = np.isfinite(column.value)
    left, right = (column.step.min(), column.step.max()) if len(column) else (0.0, 1.0)
    means = history.means(left, right, dots)
    assert np.all((means.step >= left) & (means.step <= right))
    if finite.any() and np.ptp(column.value[finite]) < 100:
        assert means.value.min() >= column.value[finite].min() - 1e-9
        assert means.value.max() <= column.value[finite].max() + 1e-9
        total = float(column.value[finite].mean())
        assert history.means(left, right, 1).value[0] == pytest.approx(total, abs=1e-9)


@given(columns(), st.floats(-10, 3000))
def test_the_value_at_a_step_is_the_last_one_logged_up_to_it(column, step):
    found = in_pieces(column, [10, 1500]).at(step)
    before = np.flatnonzero(column.step <= step)
    if not before.size:
        assert found is None
        return
    latest = before[column.step[before] == column.step[before].max()][-1]
    assert found == column.value[latest] or np.isnan(found)


def test_smoothing_is_a_mean_under_a_normal_window_without_the_gap():
    step = np.arange(200.0)
    value = np.where(step == 100, np.nan, 3.0)
    value[50] = 103.0
    smooth = History().follow(Column(step, value)).means(0, 199, 200, blur=2.0)
    assert smooth.value[0] == pytest.approx(3.0)
    assert smooth.value[50] == pytest.approx(3.0 + 100 / (2 * np.sqrt(2 * np.pi)), rel=1e-3)
    assert 100.0 not in smooth.step
    assert np.isfinite(smooth.value).all()


def test_a_column_that_was_cut_or_replaced_is_read_anew():
    long = Column(np.arange(1000.0), np.ones(1000))
    history = History().follow(long)
    assert grown_from(Column(long.step[:10], long.value[:10]), long)
    other = Column(np.arange(1200.0), np.where(np.arange(1200) == 500, 9.0, 0.0))
    assert not grown_from(long, other)
    assert sorted(set(history.follow(other).view(0, 2000, 10).value)) == [0.0, 9.0]
    resumed = Column(other.step, np.where(other.step < 1190, 0.0, 5.0))  # its last steps were logged anew
    longer = Column(np.arange(1300.0), np.concatenate([resumed.value, np.full(100, 5.0)]))
    assert not grown_from(other, longer)
    assert len(history.follow(longer).view(1190, 1199, 10)) == 10
    assert history.at(1195.0) == 5.0
    assert len(history.follow(Column(long.step[:5], long.value[:5])).view(0, 2000, 10)) == 5


def test_a_resumed_run_has_a_seam_and_steps_that_are_no_numbers_do_no_harm():
    step = np.concatenate([np.arange(100.0), np.arange(80.0, 200.0)])
    assert History().follow(Column(step, step)).seams == [80.0]
    step[5] = np.nan
    odd = History().follow(Column(step, step))
    assert odd.seams == []
    assert len(odd.view(0, 10, 5)) == 10
    assert History().follow(Column(step[:0], step[:0])).at(3.0) is None


def test_rows_between_two_steps_are_counted():
    step = np.concatenate([np.arange(10.0), np.arange(5.0, 20.0)])
    history = History().follow(Column(step, step))
    assert history.count(-1, 99) == 25
    assert history.count(6, 8) == 6
    assert history.count(50, 60) == 0


def test_more_rows_do_not_make_a_view_or_a_look_larger():
    """Counted, not timed: the rows that a view touches, and the buckets that a look fills."""
    sizes = {}
    for size in (100_000, 1_000_000):
        step = np.arange(float(size))
        history = History().follow(Column(step, np.sin(step)))
        sizes[size] = len(history.view(0, size, 200))
        before = [level.picks.size for level in history._levels]
        longer = np.arange(size + 64.0)
        history.follow(Column(longer, np.concatenate([np.sin(step), np.zeros(64)])))
        assert sum(level.picks.size for level in history._levels) - sum(before) <= 16
    assert max(sizes.values()) < 8 * 4 * 2 * 200
