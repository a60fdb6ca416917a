from __future__ import annotations

import pytest

from sad_doctor.views.tui.keybar import KEYS, fitting


@pytest.mark.parametrize("width", [0, 10, 20, 80, 200])
def test_the_keys_that_fit_are_shown_in_their_order(width):
    found = fitting(width)
    assert sum(len(key) + len(word) + 3 for key, word, _ in found) <= width
    assert [k for k in KEYS if k in found] == found


def test_quit_and_help_are_the_last_to_go():
    assert [key for key, _, _ in fitting(16)] == ["q"]
    assert fitting(200) == list(KEYS)


async def test_a_click_on_a_key_is_the_key(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        place = make.shown(app).splitlines()[-1].index("space")
        await pilot.click("KeyBar", offset=(place + 1, 0))
        await pilot.pause()
        assert app.paused
