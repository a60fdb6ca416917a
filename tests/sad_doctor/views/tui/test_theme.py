from __future__ import annotations

import pytest
from textual.app import App

from sad_doctor.views.tui import theme


@pytest.mark.parametrize("name", ["doctor-light", "textual-dark", "nord", "ansi-dark"])
async def test_any_theme_can_be_chosen(make, name):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        app.theme = name
        await pilot.pause()
        await pilot.pause()
        assert "The weights never moved" in make.shown(app)


async def test_the_style_sheet_is_not_applied_twice_at_the_start(make, monkeypatch):
    """A theme that is set once the app runs has it parsed and applied again."""
    again = []
    monkeypatch.setattr(App, "refresh_css", lambda _, animate=True: again.append(animate))
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert again == []
        assert (app.theme, app.theme_variables["grid"]) == ("doctor-dark", theme.DARK.variables["grid"])
        assert app.theme_variables["foreground"].lower() == theme.DARK.foreground
        app.theme = "doctor-light"
        await pilot.pause()
        assert again == [False]


async def test_a_light_theme_changes_the_colours_of_charts_and_tables(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        dark = {s.style.color.name for s in make.segments(app) if s.style.color}
        app.theme = "doctor-light"
        await pilot.pause()
        await pilot.pause()
        light = {s.style.color.name for s in make.segments(app) if s.style.color}
    assert "#56b4e9" in dark
    assert "#56b4e9" not in light
    assert "#d8dee9" not in light


async def test_no_color_is_respected(make, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        rgb = [s.style.color.triplet for s in make.segments(app) if s.style.color and s.style.color.triplet]
    assert rgb
    assert all(c.red == c.green == c.blue for c in rgb)


async def test_after_a_change_every_page_is_painted_as_if_it_had_been_so_from_the_start(make):
    pages = []
    for first in ("doctor-dark", "doctor-light"):
        app, _ = make.dashboard(make.sick_run(), make.sick_report())
        app.theme = first
        async with app.run_test(size=(160, 45)) as pilot:
            await make.settled(pilot)
            for key in "5671":
                await pilot.press(key)
                await pilot.pause()
            app.theme = "doctor-light"
            for key in "1567":
                await pilot.press(key)
                await make.settled(pilot)
                pages.append([(one.text, str(one.style)) for one in make.segments(app)])
    assert pages[:4] == pages[4:]
