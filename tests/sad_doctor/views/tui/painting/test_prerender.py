from __future__ import annotations

import pytest

from sad_doctor.views.tui.painting.prerender import Prerenderer
from sad_doctor.views.tui.panes import list_pane, pane


async def done(app, pilot):
    while app.prerenderer.step():
        await pilot.pause()
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)])
async def test_the_first_look_at_a_page_lays_nothing_out(make, size, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await done(app, pilot)
        laid = []
        for module in (pane, list_pane):
            real = module.lay_out
            monkeypatch.setattr(
                module, "lay_out", lambda page, width, real=real: (laid.append(width), real(page, width))[1]
            )
        for key in ("5", "6", "7", "question_mark"):
            await pilot.press(key)
            await pilot.pause()
            assert laid == [], key
        assert "next pane, previous pane" in make.shown(app)


async def test_it_looks_like_a_page_that_was_not_prepared(make):
    shown = []
    for prepared in (False, True):
        app, _ = make.dashboard(make.sick_run(), make.sick_report())
        app.prerenderer.begin = app.prerenderer.begin if prepared else lambda *_: None
        async with app.run_test(size=(120, 40)) as pilot:
            await make.settled(pilot)
            await done(app, pilot)
            seen = []
            for key in ("5", "6", "7", "1", "question_mark"):
                await pilot.press(key)
                await pilot.pause()
                seen.append(make.shown(app))
        shown.append(seen)
    assert shown[0] == shown[1]


async def test_another_size_is_prepared_anew(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await done(app, pilot)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        app.tick()
        await make.settled(pilot)
        await done(app, pilot)
        await pilot.press("5")
        await pilot.pause()
        assert "The weights never moved" in make.shown(app)


async def test_one_piece_at_a_time_and_none_while_somebody_types(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)):
        resting, seen = [False], []
        ahead = Prerenderer(app, lambda: resting[0])

        def pieces():
            for n in range(2):
                seen.append(n)
                yield

        ahead.begin("a", pieces)
        ahead._turn()
        assert seen == []
        resting[0] = True
        ahead._turn()
        assert seen == [0]
        ahead.begin("a", pieces)  # the same is not begun again
        ahead._turn()
        assert seen == [0, 1]
        ahead._turn()
        ahead.begin("b", pieces)
        ahead._turn()
        assert seen == [0, 1, 0]
