from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from sad_doctor.finding import Level
from sad_doctor.run import Column
from sad_doctor.views.tui.charts.plot import Ink, Mark, Plot, Series, is_log, paint, telling_step, value_at

NAN = Style(color="#ff0000")
CURSOR = Style(color="#0000ff")
ERROR = Style(color="#aa0000", bold=True)
INK = Ink(Style(), Style(), Style(), Style(), Style(), NAN, CURSOR, dict.fromkeys(Level, ERROR))
ANY = st.floats()


def series(step, value, kind="line", name="train"):
    return Series(name, Column(np.asarray(step, dtype=float), np.asarray(value, dtype=float)), "#ffffff", kind)


def text(plot, width=60, height=14, cursor=None):
    return [strip.text for strip in paint(width, height, plot, INK, cursor)[0].strips()]


def coloured(plot, style, width=60, height=14, cursor=None):
    """Return the characters that are drawn in the colour of ``style``."""
    strips = paint(width, height, plot, INK, cursor)[0].strips()
    return "".join(s.text for strip in strips for s in strip if s.style is not None and s.style.color == style.color)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(ANY, ANY), max_size=20),
    st.lists(st.tuples(ANY, ANY), max_size=20),
    st.tuples(st.integers(1, 90), st.integers(1, 30)),
    st.sampled_from([None, True, False]),
    st.none() | ANY,
    st.sampled_from(["line", "points", "level"]),
)
def test_anything_can_be_painted_at_any_size(one, two, size, log, cursor, kind):
    drawn = [series([p[0] for p in points], [p[1] for p in points], k) for points, k in ((one, "line"), (two, kind))]
    marks = tuple(Mark(p[0], Level.ERROR) for p in two)
    span = (one[0][0], one[-1][0]) if one and np.isfinite([one[0][0], one[-1][0]]).all() else None
    canvas, frame = paint(*size, Plot(drawn, marks, span, None, log), INK, cursor)
    assert [strip.cell_length for strip in canvas.strips()] == [size[0]] * size[1]
    assert frame.window.low < frame.window.high


def test_axes_are_labelled_and_the_legend_tells_the_last_value():
    rows = text(Plot([series(np.arange(0, 1001), np.linspace(8, 2, 1001))]))
    assert "train 2" in rows[0]
    assert "0" in rows[-1]
    assert "1k" in rows[-1]
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["7.5", "5", "2.5"]


def test_a_log_scale_has_decades():
    plot = Plot([series(np.arange(100), np.logspace(0, 4, 100))], log=True)
    labels = [row.split("┤")[0].strip() for row in text(plot, height=20) if "┤" in row]
    assert labels == ["10k", "1k", "100", "10", "1"]


def test_the_scale_follows_the_data_unless_told():
    steep = [series([0, 1], [1, 1000])]
    assert is_log(Plot(steep))
    assert not is_log(Plot(steep, log=False))
    assert is_log(Plot([series([0, 1], [1, 2])], log=True))
    assert not is_log(Plot([series([0, 1], [-1, -2])], log=True))


def test_nan_is_a_red_column_of_crosses():
    plot = Plot([series(range(100), [np.nan if 40 <= i < 44 else 1 + i % 7 for i in range(100)])])
    crosses = coloured(plot, NAN)
    assert set(crosses.strip()) == {"×"}
    rows = text(plot)
    columns = {i for row in rows for i, c in enumerate(row) if c == "×"}
    assert all(all(rows[y][x] == "×" for y in range(1, 12)) for x in columns)
    assert 1 <= len(columns) <= 4


def test_infinity_is_an_arrow_at_the_edge():
    rows = text(Plot([series([0, 1, 2, 3], [1.0, np.inf, 2.0, -np.inf])]))
    assert rows[1].count("▲") == 1
    assert rows[11].count("▼") == 1


def test_a_series_of_nothing_but_nan_is_shown_as_such():
    rows = text(Plot([series(range(50), np.full(50, np.nan))]))
    assert "NaN" in rows[0]
    assert rows[5].count("×") > 30


def test_single_points_and_held_out_points_are_dots():
    assert "•" in "".join(text(Plot([series([5], [1.0])])))
    rows = text(Plot([series(range(100), [5.0] * 100), series([10, 50, 90], [9.0, 9.0, 9.0], "points", "held-out")]))
    assert sum(row.count("•") for row in rows[1:]) == 3
    assert "held-out 9" in rows[0]


def test_a_level_crosses_the_whole_chart():
    rows = text(Plot([series([0, 9], [3, 9]), series([0], [5.0], "level", "teacher")]))
    assert any(row.count("╌") > 40 for row in rows)
    assert "teacher 5" in rows[0]


def test_findings_are_marked_where_they_begin():
    plot = Plot([series(range(101), [1.0] * 101)], marks=(Mark(50.0, Level.ERROR),), span=(50.0, 75.0))
    axis_row = text(plot)[-2]
    mark = axis_row.index("✖")
    assert abs(mark - 31) <= 1
    assert axis_row[mark + 1 : mark + 10] == "━" * 9
    assert "━" not in axis_row[mark + 20 :]
    assert "✖" in coloured(plot, ERROR)


def test_marks_in_a_low_chart_hide_neither_values_nor_labels():
    values = Plot([series(range(101), [1.0] * 100 + [5.0])], marks=(Mark(25.0, Level.ERROR), Mark(0.0, Level.ERROR)))
    bare = text(Plot(values.series), height=8)
    rows = text(values, height=8)
    assert rows[-1].replace("✖", "─") == bare[-1]
    assert rows[-1].count("✖") == 2
    assert "0✖" in rows[-1]  # on the label it would hide it, above it pass for a value
    assert rows[:-1] == bare[:-1]


def test_the_cursor_tells_its_step_and_the_value_there():
    plot = Plot([series(range(101), range(101))])
    rows = text(plot, cursor=40.0)
    assert "step 40" in rows[0]
    assert "train 40" in rows[0]
    assert "│" in coloured(plot, CURSOR, cursor=40.0)


def test_an_empty_plot_says_why():
    assert any("no loss logged yet" in row for row in text(Plot(empty="no loss logged yet")))


@pytest.mark.parametrize(("step", "value"), [(None, 4.0), (1.5, 2.0), (2.0, 9.0), (-1.0, None)])
def test_the_value_at_a_step_is_the_last_one_before(step, value):
    c = Column(np.array([0.0, 1.0, 2.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 9.0, 4.0]))
    assert value_at(c, step) == value


def test_a_single_step_has_a_label():
    assert "436" in text(Plot([series([436], [1.0])]))[-1]


def test_a_column_stands_for_its_nan_or_its_largest_value():
    value = np.ones(1001)
    value[437], value[741] = 9.0, np.nan
    plot = Plot([series(range(1001), value), series([900], [5.0], "points")])
    _, frame = paint(60, 14, plot, INK)
    assert telling_step(plot, frame, frame.column(437.0)) == 437
    assert telling_step(plot, frame, frame.column(741.0)) == 741
    gap = Plot([series([0, 1000], [1, 2])])
    _, frame = paint(60, 14, gap, INK)
    assert telling_step(gap, frame, frame.column(500.0)) == pytest.approx(500, abs=20)


def test_the_legend_leaves_out_what_does_not_fit_whole():
    plot = Plot([series([0, 1], [1, 2]), series([0], [3.0], "points", "held-out")])
    assert "held-out 3" in text(plot, width=40)[0]
    assert "held" not in text(plot, width=26, height=10)[0]
    assert text(plot, width=26, height=10)[0].rstrip().endswith("…")
    assert "train 2" in text(plot, width=26, height=10)[0]
