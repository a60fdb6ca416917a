from __future__ import annotations

from sad_doctor.views.tui.panes.tabs import TABS


async def test_the_active_tab_follows_the_keys_and_the_mouse(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        for number in (3, 2, 4, 1):
            await pilot.press(str(number))
            await pilot.pause()
            assert app.tabs.active == number
        strip = make.shown(app).splitlines()[2]
        await pilot.click("TabStrip", offset=(strip.index(TABS[2]), 0))
        await pilot.pause()
        assert app.tabs.active == 3
        assert "weighted" in make.shown(app)
