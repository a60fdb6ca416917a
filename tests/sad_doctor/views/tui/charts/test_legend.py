from __future__ import annotations

import numpy as np
import pytest
from rich.style import Style

from sad_doctor.run import Column
from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts.plot import Ink, Plot, paint, scene, telling_step

INK = Ink(*[Style()] * 7, {})


def painted(names, width, cursor=None):
    series = [Series(name, Column(np.arange(10.0), np.full(10, 1.5)), "#ffffff") for name in names]
    canvas, _ = paint(width, 10, Plot(series), INK, cursor)
    return "".join(segment.text for segment in canvas.strips()[0]).strip()


def test_names_are_whole_where_there_is_room():
    assert painted(["train", "held-out"], 60) == "━ train 1.5000   ━ held-out 1.5000"
    assert painted(["train"], 60, 3.0).startswith("step 3  ━ train 1.5000")


def test_above_the_value_axis_there_is_room_for_a_legend_that_nearly_fits():
    names, width = ["student", "teacher"], 43
    assert painted(names, width) == "━ student 1.5000   ━ teacher 1.5000"
    assert painted(names, width, 3.0) == "3  ━ student 1.5000   ━ teacher 1.5000"
    assert painted(names, width + 20, 3.0).startswith("step 3  ━")
    assert painted([*names, "third"], width, 3.0).startswith("step 3  ━")  # it would not help


def test_the_longest_names_are_cut_so_that_each_value_is_told():
    told = painted(["healthy", "a-run-of-another-day", "20261126-130610-distil"], 66)
    assert told.count("1.5000") == 3
    assert "healthy 1.5000" in told
    assert told.count("…") == 2


def test_names_that_one_row_does_not_hold_take_two_where_the_chart_is_tall():
    series = [Series(f"run{n}.log", Column(np.arange(10.0), np.full(10, 1.5)), "#ffffff") for n in range(4)]
    for height, rows in ((10, 1), (11, 2)):
        canvas, frame = paint(56, height, Plot(series), INK, 3.0)
        told = [strip.text.strip() for strip in canvas.strips()[:rows]]
        assert frame.y == rows
        assert told[0].startswith("step 3  ━ run0.log 1.5000")
        assert told[0].endswith("…") == (rows == 1)
        assert all(f"run{n}.log 1.5000" in "".join(told) for n in range(4 if rows == 2 else 2))
    assert paint(90, 30, Plot(series), INK)[1].y == 1


@pytest.mark.parametrize("width", range(12, 40))
def test_what_does_not_fit_at_all_is_told_by_dots(width):
    told = painted(["a-long-name-one", "a-long-name-two", "a-long-name-three"], width)
    assert len(told) <= width
    assert told.endswith("…") or width < 26


def test_the_cursor_stands_on_a_whole_step_where_steps_are_counted():
    counted = Plot([Series("a", Column(np.array([0.0, 100.0]), np.ones(2)), "#ffffff")])
    shares = Plot([Series("a", Column(np.array([0.0, 0.5]), np.ones(2)), "#ffffff")])
    for plot, whole in ((counted, True), (shares, False)):
        _, frame = scene(60, 12, plot, INK)
        step = telling_step(plot, frame, frame.x + 7)
        assert (step == round(step)) is whole
