from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from sad_doctor.run import Column
from sad_doctor.views.tui.charts.bands import Place, Shares, bands, paint_bands, paint_bars, paint_cursor
from sad_doctor.views.tui.charts.plot import Ink

NAN = Style(color="#ff0000")
INK = Ink(Style(), Style(), Style(), Style(), Style(), NAN, NAN, {})
BLUE, GREEN = "#0000ff", "#00ff00"


def shares(first, step=None, holes=()):
    first = np.asarray(first, dtype=float)
    step = np.arange(first.size, dtype=float) if step is None else np.asarray(step, dtype=float)
    columns = {"kd": Column(step, first), "lm": Column(step, 1 - first)}
    return Shares(columns, {"kd": BLUE, "lm": GREEN}, np.asarray(holes, dtype=float))


def cells(canvas, colour):
    """Return how many cells have this background."""
    return sum(
        len(s.text)
        for strip in canvas.strips()
        for s in strip
        if s.style is not None and s.style.bgcolor is not None and s.style.bgcolor.name == colour
    )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 40))
def test_bands_sum_to_one_wherever_something_is_known(first, width):
    part, broken = bands(shares(first), 0, max(len(first) - 1, 1), width)
    assert part.shape == (2, width)
    known = np.isfinite(part).all(axis=0)
    assert known.any()
    assert part[:, known].sum(axis=0) == pytest.approx(1.0)
    assert not broken.any()


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.floats(), st.floats()), max_size=20),
    st.tuples(st.integers(1, 70), st.integers(1, 25)),
    st.none() | st.floats(),
)
def test_anything_can_be_painted_at_any_size(points, size, cursor):
    column = Column(np.array([p[0] for p in points]), np.array([p[1] for p in points]))
    given_ = Shares({"a": column, "b": column}, {"a": BLUE, "b": GREEN}, column.value)
    canvas, place = paint_bands(*size, given_, INK)
    if cursor is not None:
        paint_cursor(canvas, place, cursor, INK)
    assert [s.cell_length for s in canvas.strips()] == [size[0]] * size[1]
    assert [s.cell_length for s in paint_bars(*size, given_, cursor, INK).strips()] == [size[0]] * size[1]


def test_areas_are_the_shares():
    canvas, place = paint_bands(45, 21, shares(np.full(100, 0.75)), INK)
    assert place.across == 40
    assert cells(canvas, BLUE) == 15 * 40
    assert cells(canvas, GREEN) == 5 * 40


def test_an_eighth_of_a_cell_is_told():
    canvas, _ = paint_bands(45, 2, shares(np.full(100, 1 / 16)), INK)
    assert "▁" * 40 in canvas.strips()[1].text


def test_a_stretch_without_a_step_repeats_the_one_before():
    part, _ = bands(shares([0.25, 0.5], step=[0, 100]), 0, 100, 10)
    assert part[0].tolist() == [0.25] * 9 + [0.5]


def test_a_hole_is_crossed_out():
    step = [s for s in range(100) if not 40 <= s < 60]
    canvas, _ = paint_bands(45, 8, shares(np.full(len(step), 0.5), step, holes=range(40, 60)), INK)
    row = canvas.strips()[2].text[5:]
    assert row[16:23].count("×") >= 6
    assert "×" not in row[:15] + row[25:]


def test_bars_stand_by_size_and_tell_what_is_left_out():
    columns = {f"t{i}": Column(np.array([0.0]), np.array([i / 10])) for i in range(5)}
    given_ = Shares(columns, dict.fromkeys(columns, BLUE))
    rows = [s.text for s in paint_bars(40, 3, given_, None, INK).strips()]
    assert rows[0].split()[1] == "t4"
    assert rows[0].rstrip().endswith("40.0%")
    assert rows[1].split()[1] == "t3"
    assert "3 more" in rows[2]


def test_bars_tell_the_shares_at_the_cursor():
    given_ = shares([0.9, 0.1])
    assert list(given_.now(0.0)) == ["kd", "lm"]
    assert list(given_.now(None)) == ["lm", "kd"]
    rows = [s.text for s in paint_bars(40, 6, given_, 0.0, INK).strips()]
    assert rows[0].startswith("■ kd")
    assert rows[0].rstrip().endswith("90.0%")


def test_no_terms_are_no_bands():
    canvas, _ = paint_bands(40, 5, Shares(), INK)
    assert any("no terms logged yet" in s.text for s in canvas.strips())
    assert not "".join(s.text for s in paint_bars(40, 5, Shares(), None, INK).strips()).strip()


def test_the_cursor_crosses_the_bands_at_its_step():
    canvas, place = paint_bands(45, 8, shares(np.full(101, 0.5)), INK)
    paint_cursor(canvas, place, 50.0, INK)
    at = canvas.strips()[0].text.index("│")
    assert abs(place.step(at) - 50.0) < 3
    assert [s.text[at] for s in canvas.strips()[: place.rows]] == ["│"] * 7
    assert Place(5, 7, 40, (0.0, 100.0)).step(5) == pytest.approx(1.25)


def test_without_colours_each_term_has_a_fill(make):
    colours = {"kd": "#111111", "lm": "#222222"}
    step = np.arange(10.0)
    columns = {t: make.column(step, np.full(10, share)) for t, share in (("kd", 0.25), ("lm", 0.75))}
    both = Shares(columns, colours, steps=(0.0, 9.0), patterned=True)
    canvas, place = paint_bands(40, 9, both, INK)
    rows = ["".join(map(chr, row))[place.x :] for row in canvas.glyph[: place.rows]]
    fills = both.fill("kd"), both.fill("lm")
    assert len(set(fills)) == 2
    assert [row.count(fills[1]) > 30 for row in rows] == [True] * 6 + [False] * 2
    assert [row.count(fills[0]) > 30 for row in rows] == [False] * 6 + [True] * 2
    bars = paint_bars(40, 2, both, None, INK)
    assert "".join(map(chr, bars.glyph[0])).count(fills[1]) > "".join(map(chr, bars.glyph[1])).count(fills[0]) > 1


def test_steps_stand_under_the_bands_where_there_is_room():
    canvas, place = paint_bands(40, 8, shares([0.5] * 101), INK)
    foot = canvas.strips()[-1].text
    assert foot.split()[0] == "0"
    for label in foot.split():
        assert place.column(float(label)) == pytest.approx(foot.index(label) + len(label) // 2, abs=1)
    assert "0" not in paint_bands(40, 3, shares([0.5] * 101), INK)[0].strips()[-1].text.replace("0%", "")
