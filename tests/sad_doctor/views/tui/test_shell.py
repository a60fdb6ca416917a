"""Keys and the mouse, driven: what each does to the panes."""

from __future__ import annotations

import pytest
from textual import events


async def press(pilot, *keys):
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


async def test_zoom_pan_smooth_and_back(make):
    app, source = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        board = app.board
        await press(pilot, "plus")
        assert board.window == (498.75, 1496.25)
        assert board.loss.plot.steps == board.metric.plot.steps == board.shares.bands.shares.steps == board.window
        assert "zoomed" in str(board.loss.border_subtitle)
        await press(pilot, "greater_than_sign")
        assert board.window[0] == 997.5
        await press(pilot, "greater_than_sign")
        assert board.window[1] == 1_995
        source.grow(make.healthy_run(500))
        app.tick()
        await make.settled(pilot)
        assert board.window[1] == 2_495  # a window at the end follows the run
        await press(pilot, "left_square_bracket", "minus", "minus")
        assert board.window is None
        await press(pilot, "s", "1", "home", "plus", "up")
        assert board.window == (0.0, 623.75)
        assert board.loss.smoothing == board.metric.smoothing > 0
        assert "smoothed" in str(board.metric.border_subtitle)
        await press(pilot, "end", "right")
        assert board.window[0] > 0  # the cursor takes the window along
        await press(pilot, "0", "s", "s", "s")
        assert (board.window, board.loss.smoothing) == (None, 0.0)
        await press(pilot, "plus", "escape")
        assert board.window is None


async def test_the_mouse_zooms_pans_and_draws_a_range(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        board = app.board
        await pilot._post_mouse_events([events.MouseScrollUp], "#loss", (30, 6))
        await pilot.pause()
        narrow = board.window
        assert narrow is not None
        await pilot._post_mouse_events([events.MouseScrollRight], "#loss", (30, 6))
        await pilot.pause()
        assert board.window[0] > narrow[0]
        await pilot._post_mouse_events([events.MouseScrollLeft], "#loss", (30, 6))
        await pilot.pause()
        assert board.window == pytest.approx(narrow)
        await pilot._post_mouse_events([events.MouseScrollDown], "#loss", (30, 6))
        await pilot.pause()
        assert board.window is None or board.window[1] - board.window[0] > narrow[1] - narrow[0]
        await pilot.click("#loss", offset=(30, 6), times=2)
        await pilot.pause()
        assert board.window is None
        await pilot.mouse_down("#loss", offset=(20, 6))
        await pilot.hover("#loss", offset=(30, 6))
        await pilot.mouse_up("#loss", offset=(30, 6))
        await pilot.pause()
        assert board.window is not None
        assert 0 < board.window[0] < board.window[1] < 1_995


async def test_g_shows_the_steps_of_the_finding(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        await press(pilot, "4", "right", "down", "down", "enter", "g")  # the plateau: one step, behind a cause
        assert not app.above
        assert app.tab_shown == 1
        assert app.board.cursor == 0
        assert app.board.window[0] == 0
        assert app.board.window[1] < 2_000
        await press(pilot, "4", "end", "g")
        assert app.tab_shown == 4
        assert any("nowhere to jump" in n.message for n in app._notifications)


async def test_every_page_has_its_number_and_esc_goes_back(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        for number, word in ((5, "The weights never moved"), (6, "21700/24914"), (7, "How the log was read")):
            await press(pilot, str(number))
            assert word in make.shown(app)
            assert not app.board.loss.region.area
        await press(pilot, "8")
        assert app.tab_shown == 7  # there is one run only
        await press(pilot, "5", "enter")
        assert app.above
        assert "exactly 0 in 218 of 218 lines" in make.shown(app)
        await press(pilot, "escape", "tab")
        assert app.focused.id == "rules-page"
        await press(pilot, "escape")
        assert app.tab_shown == 1
        assert app.board.loss.region.area


async def test_the_filter_narrows_the_log_too(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await press(pilot, "6", "slash", *"epoch", "enter")
        assert app.focused is app.log_pane
        assert len(app.log_pane.shown) == 1
        await press(pilot, "slash", "x", "enter")
        assert app.log_pane.shown == []
        assert "the log holds no text" in make.shown(app)
        await press(pilot, "escape")
        assert len(app.log_pane.shown) == 1
        assert "quit" in make.shown(app).splitlines()[-1]  # the keys stand where the filter was


async def test_a_digit_in_the_filter_is_text(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await press(pilot, "slash", "5", "0", "l")
        assert app.wanted.value == "50l"
        assert app.tab_shown == 1


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_a_tab_that_takes_the_screen_styles_nothing_but_what_has_the_focus(make, size, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        styled = []
        before = app.stylesheet.apply
        monkeypatch.setattr(
            app.stylesheet, "apply", lambda node, **more: (styled.append(node), before(node, **more))[1]
        )
        for key, page in (("5", app.rules), ("6", app.log_pane), ("7", app.recipe), ("1", app.board)):
            styled.clear()
            await pilot.press(key)
            assert [one for one in (app.rules, app.log_pane, app.recipe, app.runs, app.board) if one.display] == [page]
            assert app.screen not in styled
            assert app.header not in styled


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)])
async def test_the_palette_is_no_wider_than_what_is_read_in_it(make, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause(0.3)
        region = app.screen.query_one("#--input").region
        assert region.width == min(size[0], 84)
        assert abs(region.x - (size[0] - region.right)) <= 1
        await pilot.press("f", "i", "l", "t", "e", "r")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.focused is app.wanted
