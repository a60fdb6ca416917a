from __future__ import annotations

import pytest

from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.panes.sheet import help_page


async def test_the_question_mark_opens_the_help_and_esc_closes_it(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert app.sheet.display
        assert app.above
        assert "next pane, previous pane" in make.shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not app.sheet.display
        assert app.focused is app.board.findings


async def test_enter_opens_the_page_of_a_finding_with_its_rule(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("enter")
        await pilot.pause()
        text = make.shown(app)
        assert "The weights never moved: the learning rate" in text
        assert "What it sees" in text
        await pilot.press("pagedown", "escape")
        await pilot.pause()
        assert app.focused is app.board.findings


@pytest.mark.parametrize("key", ["l", "slash", "tab", "z"])
async def test_keys_of_the_dashboard_leave_an_open_page_alone(make, key):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("question_mark", key)
        await pilot.pause()
        assert app.sheet.display
        assert not app.wanted.display
        assert not app.board.loss.logarithmic
        assert app.dashboard.alone is None


async def test_a_click_beside_the_page_closes_it(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("question_mark")
        await pilot.click("#loss", offset=(10, 20))
        await pilot.pause()
        assert not app.above
        assert app.focused is app.board.loss


def test_the_help_names_every_key():
    said = " ".join(p.bullet.plain for p in help_page()).replace(",", " ").split()
    special = {"question_mark": "?", "slash": "/", "escape": "esc"}
    for binding in DoctorApp.BINDINGS:
        key = special.get(binding.key, binding.key)
        assert key in said or key == "?", key
