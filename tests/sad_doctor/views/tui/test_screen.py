from __future__ import annotations

from dataclasses import replace

import pytest

from sad_doctor.views.tui.charts import chart
from sad_doctor.views.tui.painting.compositor import Sparing
from sad_doctor.views.tui.runs.snapshot import Verdict
from sad_doctor.views.tui.screen import DashboardScreen, classed


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)])
async def test_a_pane_alone_fills_the_body_and_everything_comes_back(make, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        await pilot.pause()
        before = {pane.id: pane.region for pane in app.board.panes}
        for pane in (app.board.loss, app.board.findings):
            app.screen.set_focus(pane)
            await pilot.press("z")
            await pilot.pause()
            assert app.dashboard.alone is pane
            assert pane.region == (0, 3, size[0], size[1] - 4)
            assert [one.id for one in app.board.panes if one.region] == [pane.id]
            await pilot.press("z")
            await pilot.pause()
            assert {one.id: one.region for one in app.board.panes} == before


async def test_another_size_while_a_pane_is_alone(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "z")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert app.board.loss.region == (0, 3, 80, 20)
        await pilot.press("escape")
        await pilot.pause()
        assert app.board.findings.region
        assert not app.board.terms.region


async def test_a_focus_that_moves_paints_two_panes(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        await pilot.pause()
        styled, full = [], []
        before, whole = app.stylesheet.apply, app.screen._compositor.render_full_update
        monkeypatch.setattr(
            app.stylesheet, "apply", lambda node, **more: (styled.append(node), before(node, **more))[1]
        )
        monkeypatch.setattr(app.screen._compositor, "render_full_update", lambda **m: (full.append(1), whole(**m))[1])
        await pilot.press("2")
        await pilot.pause()
        assert app.focused is app.board.metric
        assert (styled, full) == ([], [])
        lit = app.board.metric.styles.border_top[1], app.board.metric.styles.border_title_color
        assert set(lit) == {app.board.metric.styles.border_left[1]}
        assert app.board.loss.styles.border_top[1] != lit[0]


async def test_a_pane_that_was_alone_is_not_painted_anew(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        await pilot.pause()
        painted, scene = [], chart.scene
        monkeypatch.setattr(chart, "scene", lambda *told: (painted.append(told[:2]), scene(*told))[1])
        before = make.shown(app)
        for _ in range(4):
            await pilot.press("z")
            await pilot.pause()
        assert painted == [(216, 54)]
        assert make.shown(app) == before


@pytest.mark.parametrize(("keys", "key"), [("2", "3"), ("3", "4"), ("4", "down"), ("1", "left"), ("5", "down")])
async def test_a_key_is_painted_once_however_many_widgets_tell_each_other_of_it(make, monkeypatch, keys, key):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press(keys)
        await pilot.pause(0.2)
        painted, before = [], app.screen._compositor.render_update

        def update(**more):  # the clock in the head goes on, and pages that nobody sees are made ready
            seen = {one for one in app.screen._dirty_widgets if one.region and one is not app.header}
            painted.extend([seen] if seen else [])
            return before(**more)

        monkeypatch.setattr(app.screen._compositor, "render_update", update)
        await pilot.press(key)
        await pilot.pause(0.1)
        assert len(painted) == 1, painted


async def test_the_first_screen_is_styled_and_painted_whole_once(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    whole, styled = [], []
    paint, style = Sparing.render_full_update, DashboardScreen.update_node_styles
    monkeypatch.setattr(Sparing, "render_full_update", lambda self, **m: (whole.append(1), paint(self, **m))[1])
    monkeypatch.setattr(
        DashboardScreen, "update_node_styles", lambda self, **m: (styled.append(1), style(self, **m))[1]
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        assert (len(whole), styled) == (1, [])
        assert "The weights never moved" in make.shown(app)
        await pilot.press("ctrl+p", "escape")  # another screen came and went
        await pilot.pause()
        assert "The weights never moved" in make.shown(app)


async def test_classes_that_change_together_are_styled_once_and_others_not_at_all(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        styled = []
        monkeypatch.setattr(type(app.board), "update_node_styles", lambda self: styled.append(self))
        for wanted, times in (({"-a": True, "-b": True}, 1), ({"-a": True, "-b": True}, 1), ({"-a": False}, 2)):
            classed(app.board, wanted)
            assert len(styled) == times
        assert app.board.has_class("-b")
        assert not app.board.has_class("-a")
        styled.clear()
        app.board.show(replace(app.snapshot, run=make.empty_run(), verdict=Verdict(make.empty_report())))
        assert styled == [app.board]  # no held-out text and no terms
