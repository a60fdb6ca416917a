from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from sad_doctor.views.tui.painting.canvas import Canvas

RED = Style(color="#ff0000")


@given(st.text(max_size=30), st.integers(-5, 25), st.integers(-2, 4), st.none() | st.integers(0, 12))
def test_any_text_anywhere_keeps_every_row_at_its_width(text, x, y, limit):
    canvas = Canvas(20, 3, Style())
    canvas.write(x, y, text, RED, limit)
    for strip in canvas.strips():
        assert strip.cell_length == 20
        assert all(ord(c) >= 32 for c in strip.text)


def test_text_that_does_not_fit_ends_in_an_ellipsis():
    canvas = Canvas(10, 1, Style())
    assert canvas.write(0, 0, "layerwise loss", RED, limit=8) == 8
    assert canvas.strips()[0].text == "layerwi…  "


def test_wide_characters_take_two_cells():
    canvas = Canvas(6, 1, Style())
    assert canvas.write(0, 0, "損失", RED) == 4
    assert canvas.strips()[0].text == "損失  "


def test_neighbours_of_one_style_are_one_segment():
    canvas = Canvas(6, 1, Style())
    canvas.write(1, 0, "ab", RED)
    segments = list(canvas.strips()[0])
    assert [s.text for s in segments] == [" ", "ab", "   "]
    assert segments[1].style is not None
    assert segments[1].style.color == RED.color


def test_a_copy_is_painted_on_alone():
    canvas = Canvas(3, 1, Style())
    canvas.copy().write(0, 0, "abc", RED)
    assert canvas.strips()[0].text == "   "


def test_laying_leaves_out_empty_cells_and_crossing_keeps_the_background():
    canvas = Canvas(3, 1, Style())
    canvas.put(0, 0, " ", Style(bgcolor="#00ff00"))
    canvas.cross(0, 0, "│", RED)
    canvas.lay(1, 0, np.array([[0, ord("x")]]), RED)
    first = next(iter(canvas.strips()[0]))
    assert canvas.strips()[0].text == "│ x"
    assert first.style is not None
    assert first.style.bgcolor is not None
    assert first.style.bgcolor.name == "#00ff00"


@given(st.lists(st.tuples(st.integers(-2, 12), st.integers(0, 3), st.text(max_size=6), st.booleans()), max_size=8))
def test_rows_that_are_asked_for_and_rows_that_differ(written):
    canvas = Canvas(10, 4, Style(bgcolor="#000000"))
    canvas.write(1, 1, "a損b", RED)
    before = canvas.copy()
    for x, y, text, red in written:
        canvas.write(x, y, text, RED if red else Style(bold=True))

    every, old, differing = canvas.strips(), before.strips(), canvas.differs(before)
    assert [strip.text for strip in canvas.strips(differing)] == [every[y].text for y in differing]
    for y in range(4):
        told = [[(c, s.style) for s in strip for c in s.text] for strip in (every[y], old[y])]
        assert (y in differing) or told[0] == told[1]
        # a style begins a segment of its own, and no segment holds two
        assert all(a.style != b.style or "\u640d" in every[y].text for a, b in pairwise(every[y]))
