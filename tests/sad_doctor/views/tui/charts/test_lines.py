from __future__ import annotations

import numpy as np
from rich.style import Style

from sad_doctor.run import Column
from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts.lines import lay_series
from sad_doctor.views.tui.charts.plot import Frame
from sad_doctor.views.tui.charts.raster import Window
from sad_doctor.views.tui.painting.canvas import Canvas

ODD = Style(color="#ff0000")
STUDENT, TEACHER, OTHER = "#111111", "#222222", "#333333"
WIDTH, HEIGHT = 40, 10


def series(value, colour, kind="line"):
    value = np.asarray(value, dtype=float)
    return Series(colour, Column(np.linspace(0, 100, value.size), value), colour, kind)


def cells(*every):
    """Return glyph and colour by row and column; the colour of an empty cell is empty."""
    canvas = Canvas(WIDTH, HEIGHT, Style())
    lay_series(canvas, Frame(0, 0, WIDTH, HEIGHT, Window(0, 100, 0, 40)), every, ODD)
    painted = []
    for strip in canvas.strips():
        row = [(char, s.style.color.name if s.style and s.style.color else "") for s in strip for char in s.text]
        painted.append(row)
    return painted


def colours(painted):
    return {colour for row in painted for _, colour in row} - {""}


def columns_of(painted, colour):
    return {x for row in painted for x, (_, own) in enumerate(row) if own == colour}


def test_a_level_does_not_hide_the_line_that_ends_on_it():
    falling = np.concatenate([np.linspace(40, 8, 50), np.full(50, 8.0)])
    alone = columns_of(cells(series(falling, STUDENT)), STUDENT)
    for order in (1, -1):
        both = cells(*[series(falling, STUDENT), series([8.2], TEACHER, "level")][::order])
        assert columns_of(both, STUDENT) == alone == set(range(WIDTH))
        assert TEACHER in colours(both)


def test_lines_that_share_a_row_are_both_seen_with_all_their_dots():
    one, two = series(np.full(100, 20.0), STUDENT), series(np.full(100, 21.2), TEACHER)
    both = cells(one, two)
    row = next(r for r in both if r[0][1])
    assert [colour for _, colour in row] == [STUDENT, STUDENT, TEACHER, TEACHER] * (WIDTH // 4)
    apart = [ord(next(r for r in cells(s) if r[0][1])[5][0]) - 0x2800 for s in (one, two)]
    assert apart[0] & apart[1] == 0
    assert ord(row[5][0]) - 0x2800 == apart[0] | apart[1]


def test_of_three_equal_lines_each_is_seen():
    value = np.linspace(2, 38, 60)
    assert colours(cells(*(series(value, colour) for colour in (STUDENT, TEACHER, OTHER)))) == {STUDENT, TEACHER, OTHER}


def test_points_lie_over_lines_whatever_comes_first():
    line, points = series(np.full(100, 20.0), STUDENT), series([20.0] * 5, TEACHER, "points")
    for every in ([line, points], [points, line]):
        assert sum(char == "•" for row in cells(*every) for char, _ in row) == 5


def test_what_is_no_number_in_one_line_does_not_hide_another():
    lost = series(np.full(100, np.nan), TEACHER)
    line = series(np.linspace(2, 38, 100), STUDENT)
    for every in ([lost, line], [line, lost]):
        painted = cells(*every)
        assert columns_of(painted, STUDENT) == set(range(WIDTH))
        assert sum(char == "×" for row in painted for char, _ in row) > WIDTH * (HEIGHT - 2)


def test_its_own_line_gives_way_to_what_is_no_number():
    value = np.where(np.arange(1000) % 100 == 50, np.nan, 20.0)
    painted = cells(series(value, STUDENT))
    crossed = {x for row in painted for x, (char, _) in enumerate(row) if char == "×"}
    assert len(crossed) == 10
    assert not crossed & columns_of(painted, STUDENT)
