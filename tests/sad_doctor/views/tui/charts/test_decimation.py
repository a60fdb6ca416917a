from __future__ import annotations

import numpy as np

from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts.decimation import Decimator
from sad_doctor.views.tui.charts.plot import Plot


def series(make, size=10_000, kind="line", name="train"):
    step = np.arange(float(size))
    value = 2 + np.random.default_rng(1).normal(0, 0.3, size)
    value[size // 2] = 90.0
    return Series(name, make.column(step, value), "#ffffff", kind)


def test_a_plot_is_thinned_to_its_width_and_keeps_its_spike(make):
    plot = Decimator().thin(Plot([series(make)], steps=(0.0, 9_999.0)), 50, 0.0, "#333333")
    seen = plot.ghosts[0].column
    assert len(seen) < 4_000
    assert seen.value.max() == 90.0


def test_a_crowd_is_a_mean_over_what_was_logged_and_a_few_are_themselves(make):
    crowd = series(make)
    plot = Decimator().thin(Plot([crowd], steps=(0.0, 9_999.0)), 50, 0.0, "#333333")
    mean, seen = plot.series[0].column, plot.ghosts[0]
    assert len(mean) == 100
    assert 1.8 < np.median(mean.value) < 2.2
    assert np.std(mean.value[:40]) < np.std(crowd.column.value[:4_000]) / 4
    assert seen.colour == "#848484"  # between the line and what was smoothed
    close = Decimator().thin(Plot([crowd], steps=(0.0, 700.0)), 50, 0.0, "#333333")
    assert not close.ghosts
    assert close.series[0].column.value.tolist() == crowd.column.value[:701].tolist()


def test_no_mean_leads_over_a_stretch_of_nan_or_through_two_lines(make):
    crowd = series(make)
    crowd.column.value[3_000:6_000] = np.nan
    mean = Decimator().thin(Plot([crowd], steps=(0.0, 9_999.0)), 50, 0.0, "#333333").series[0].column
    assert (np.diff(mean.step) >= 0).all()
    within = mean.value[(mean.step > 3_200) & (mean.step < 5_800)]
    assert within.size
    assert np.isnan(within).all()
    assert np.isfinite(mean.value[(mean.step < 2_900) | (mean.step > 6_200)]).all()
    step = np.concatenate([np.arange(6_000.0), np.arange(3_000.0, 8_000)])
    resumed = Series("train", make.column(step, np.sin(step)), "#ffffff", "line")
    assert not Decimator().thin(Plot([resumed], steps=(0.0, 7_999.0)), 50, 0.0, "#333333").ghosts


def test_what_was_smoothed_lies_faintly_under_it(make):
    decimator = Decimator()
    both = [series(make), series(make, kind="points", name="held-out")]
    plot = decimator.thin(Plot(both, steps=(0.0, 9_999.0)), 50, 0.03, "#333333")
    assert [(g.name, g.colour) for g in plot.ghosts] == [("train", "#333333")]
    assert plot.ghosts[0].column.value.max() == 90.0
    assert plot.series[0].column.value.max() < 20
    assert plot.series[1].column.value.max() == 90.0
    assert decimator.values(plot, 5_000.0) == [90.0, 90.0]


def test_of_a_level_only_the_last_value_counts(make):
    column = make.column([0, 1], [1e6, 9.4])
    plot = Decimator().thin(
        Plot([Series("teacher", column, "#888888", "level")], steps=(50.0, 60.0)), 50, 0.1, "#333333"
    )
    assert plot.series[0].column.value.tolist() == [9.4]


def test_the_whole_reaches_as_far_as_the_run_whatever_the_window(make):
    decimator, plot = Decimator(), Plot([series(make)], steps=(0.0, 10.0))
    assert decimator.whole(plot).series[0].column.value.max() == 90.0
    assert decimator.whole(plot) is decimator.whole(plot)
    # how far they reach is not looked for again in another window, and is in another run
    (first,), (moved,) = (decimator.whole(Plot(plot.drawn, steps=steps)).series for steps in ((0.0, 10.0), (5.0, 20.0)))
    assert moved.column is first.column
    (other,) = decimator.whole(Plot([series(make, size=5_000)], steps=(5.0, 20.0))).series
    assert other.column is not first.column


def test_series_of_one_chart_keep_their_values_apart(make):
    decimator = Decimator()
    both = [Series(name, make.column([0, 1], [low, low + 1]), "#ffffff", "line") for name, low in (("a", 1), ("b", 5))]
    plot = decimator.thin(Plot(both, steps=(0.0, 1.0)), 50, 0.0, "#333333")
    assert decimator.values(plot, 0.0) == [1, 5]
    assert decimator.values(plot, None) == [2, 6]
