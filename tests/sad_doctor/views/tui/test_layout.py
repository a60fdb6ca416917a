from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor.views.tui import layout


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((80, 24), {"-small"}),
        ((120, 40), {"-medium"}),
        ((160, 45), {"-wide"}),
        ((200, 60), {"-wide"}),
        ((200, 20), {"-small"}),
        ((120, 24), {"-small"}),
        ((40, 12), {"-small", "-tiny"}),
        ((20, 5), {"-small", "-tiny", "-low"}),
    ],
)
def test_each_size_has_its_layout(size, wanted):
    assert layout.classes(*size) == wanted


@given(st.integers(1, 400), st.integers(1, 200))
def test_every_size_has_exactly_one_layout(width, height):
    found = layout.classes(width, height)
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


@pytest.mark.parametrize("tab", range(1, 5))
def test_a_small_terminal_shows_the_pane_of_its_tab(tab):
    assert layout.FIRST[tab] in layout.shown(tab, tiny=False)
    assert set(layout.shown(tab, tiny=True)) <= set(layout.shown(tab, tiny=False))
    assert len(layout.shown(tab, tiny=True)) == 2  # a column and one pane


async def test_another_tab_of_a_small_terminal_styles_nothing_anew(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        styled, before = [], app.stylesheet.apply
        monkeypatch.setattr(
            app.stylesheet, "apply", lambda node, **more: (styled.append(node), before(node, **more))[1]
        )
        for tab in (2, 3, 4, 1):
            await pilot.press(str(tab))
            await pilot.pause()
            seen = {one.id for one in app.board.panes if one.region} | {
                one.id for one in app.board.columns if one.display
            }
            assert seen == set(layout.shown(tab, tiny=False))
        assert styled == []
        await pilot.resize_terminal(160, 45)
        await pilot.pause()
        assert all(pane.region for pane in app.board.panes)
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert {one.id for one in app.board.panes if one.region} == {"findings"}
