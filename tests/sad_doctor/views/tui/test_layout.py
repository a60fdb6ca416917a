from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.views.tui import layout


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((80, 24), {"-small", "-tab-1"}),
        ((120, 40), {"-medium"}),
        ((160, 45), {"-wide"}),
        ((200, 60), {"-wide"}),
        ((200, 20), {"-small", "-tab-1"}),
        ((120, 24), {"-small", "-tab-1"}),
        ((20, 5), {"-small", "-tiny", "-tab-1"}),
    ],
)
def test_each_size_has_its_layout(size, wanted):
    assert layout.classes(*size) == wanted


@given(st.integers(1, 400), st.integers(1, 200), st.integers(1, 4))
def test_every_size_has_exactly_one_layout(width, height, tab):
    found = layout.classes(width, height, tab)
    assert found <= layout.CLASSES
    assert len(found & {"-wide", "-medium", "-small"}) == 1


@pytest.mark.parametrize("tabs", [7, 8])
def test_tab_visits_every_stop_and_back_undoes_it(tabs):
    stops = tuple(stop for stop in layout.STOPS if stop[0] <= tabs)
    stop, seen = stops[0], []
    for _ in stops:
        seen.append(stop)
        after = layout.next_stop(*stop, back=False, tabs=tabs)
        assert layout.next_stop(*after, back=True, tabs=tabs) == stop
        stop = after
    assert tuple(seen) == stops
    assert layout.next_stop(3, None, back=False) == (3, "terms")


def test_a_large_terminal_stays_on_its_page():
    assert layout.next_stop(2, "terms", back=False, small=False) == (2, "findings")
    assert layout.next_stop(5, "rules-page", back=False, small=False) == (5, "rules-list")
    assert set(layout.FIRST) == {stop[0] for stop in layout.STOPS}
