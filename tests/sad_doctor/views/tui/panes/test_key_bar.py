from __future__ import annotations

from typing import get_args

import pytest

from sad_doctor.views.tui.panes.key_bar import KEYS, Place, fitting

PLACES = get_args(Place)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("width", [0, 10, 20, 80, 250])
def test_the_keys_that_fit_are_shown_in_their_order(width, place):
    found = fitting(width, place)
    assert sum(len(key.key) + len(key.word) + 3 for key in found) <= width
    assert tuple(k for k in KEYS if k in found) == found
    assert all(place in key.places for key in found)


@pytest.mark.parametrize("place", PLACES)
def test_the_way_out_is_the_last_to_go(place):
    assert next(key.key for key in fitting(12, place)) in ("q", "esc")
    assert fitting(250, place) == tuple(key for key in KEYS if place in key.places)


def test_each_key_is_shown_somewhere():
    assert all(key.places and key.places <= set(PLACES) for key in KEYS)


async def test_the_keys_are_those_of_the_place(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        seen = {}
        for keys in (["1"], ["2"], ["3"], ["4"], ["tab"], ["5"], ["tab"], ["6"], ["7"], ["4", "enter"]):
            await pilot.press(*keys)
            await pilot.pause()
            seen[" ".join(keys)] = app.keys.place, make.shown(app).splitlines()[-1]
        await pilot.press("escape", "question_mark")
        await pilot.pause()
        assert app.keys.place == "sheet"
        await pilot.press("escape")
        await pilot.pause()
        assert app.keys.place == "findings"
    assert [place for place, _ in seen.values()] == [
        *("chart", "chart", "board", "findings", "page", "list", "log", "page", "finding"),
    ]  # the second look at tab is the page of a rule
    assert "cursor" in seen["1"][1]
    assert "copy" not in seen["1"][1]
    assert "copy" in seen["4"][1]
    assert "cursor" not in seen["4"][1]
    assert "smooth" not in seen["5"][1]
    assert seen["4 enter"][1].split()[:2] == ["esc", "close"]


async def test_a_click_on_a_key_is_the_key(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        place = make.shown(app).splitlines()[-1].index("space")
        await pilot.click("KeyBar", offset=(place + 1, 0))
        await pilot.pause()
        assert app.paused
        await pilot.press("question_mark")
        await pilot.pause()
        await pilot.click("KeyBar", offset=(2, 0))
        await pilot.pause()
        assert not app.sheet.display
