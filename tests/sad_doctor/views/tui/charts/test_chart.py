from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column
from sad_doctor.views.tui.charts.decimation import Decimator
from sad_doctor.views.tui.charts.history import History


def legend(chart):
    return chart.render_line(0).text


async def test_arrows_move_the_cursor_and_every_pane_follows(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "left")
        await pilot.pause()
        assert 20_000 < app.board.cursor < 21_700
        assert f"step {app.board.cursor:,.0f}" in legend(app.board.loss)
        await pilot.press("home")
        await pilot.pause()
        assert legend(app.board.loss).lstrip().startswith("step 0 ")
        assert legend(app.board.metric).lstrip().startswith("step 0 ")
        assert app.board.shares.bars.cursor == 0.0
        assert str(app.board.shares.border_subtitle) == "at step 0"
        await pilot.press("shift+right", "right")
        await pilot.pause()
        assert app.board.cursor > 0
        await pilot.press("end", "escape")
        await pilot.pause()
        assert "step" not in legend(app.board.loss)


async def test_the_cursor_stands_on_logged_steps(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        logged = set(make.sick_run().columns[names.LOSS].step) | set(make.sick_run().columns[names.EVAL_LOSS].step)
        for _ in range(6):
            await pilot.press("left")
            await pilot.pause()
            assert app.board.cursor in logged


async def test_a_click_puts_the_cursor_there(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.click("#loss", offset=(30, 10))
        await pilot.pause()
        assert 0 < app.board.cursor < 21_700
        await pilot.click("#bands", offset=(30, 5))
        await pilot.pause()
        assert 0 < app.board.shares.bars.cursor < 21_700


def labels(chart):
    rows = [chart.render_line(y).text for y in range(chart.size.height)]
    return [row.split("┤")[0].strip() for row in rows if "┤" in row]


async def test_l_changes_the_labels_of_the_axis(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        loss, metric = app.board.loss, app.board.metric
        before = labels(loss), labels(metric)
        await pilot.press("l")
        await pilot.pause()
        assert labels(loss) == ["300", "100", "30"]
        assert before[0] != labels(loss)
        assert before[1] != labels(metric)
        assert str(loss.border_subtitle) == "log scale"
        await pilot.press("2", "l")
        await pilot.pause()
        assert (labels(loss), labels(metric)) == (["300", "100", "30"], before[1])


async def test_the_scale_that_was_chosen_outlives_new_data(make):
    app, source = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("l")
        source.grow(make.healthy_run(500))
        app.tick()
        await make.settled(pilot)
        assert app.board.loss.logarithmic


async def test_a_row_is_painted_once_and_again_only_after_a_change(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        chart = app.board.loss
        assert chart.render_line(3) is chart.render_line(3)
        before = chart.render_line(3)
        chart.point_at(100.0)
        assert chart.render_line(3) is not before


async def test_a_million_steps_are_drawn(make):
    step = np.arange(1_000_000.0)
    run = replace(make.healthy_run(), columns={names.LOSS: make.column(step, np.exp(-step / 3e5))})
    app, _ = make.dashboard(run, make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "left", "end")
        await pilot.pause()
        assert app.board.cursor == 999_999
        assert "step 999,999" in make.shown(app)


async def test_a_cursor_that_moves_repaints_its_columns_and_the_legend(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "left")
        await pilot.pause()
        chart, asked = app.board.loss, []
        frame = chart._scene[1]
        before = frame.column(chart.cursor)
        chart.refresh = lambda *regions, **_: asked.append(regions)
        await pilot.press("left")
        await pilot.pause()
        after = frame.column(chart.cursor)
        ((top, *columns),) = asked
        assert before != after
        assert (top.y, top.height, top.width) == (0, 1, chart.size.width)
        assert {(one.x, one.width, one.height) for one in columns} == {(x, 1, frame.height) for x in (before, after)}


async def test_what_is_on_the_screen_after_any_key_is_what_a_fresh_paint_shows(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        for key in ("left", "left", "plus", "right", "l", "s", "less_than_sign", "home", "m", "0", "escape"):
            await pilot.press(key)
            await pilot.pause()
            shown = make.shown(app)
            for widget in (app.board.loss, app.board.metric, app.board.shares.bands, app.board.shares.bars):
                widget._strips_key = widget._key = widget._scene_key = None
                widget._looks = {}
                widget._styles_cache.clear()
            assert make.shown(app) == shown


async def test_a_chart_that_was_prepared_goes_through_its_history_no_more(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        chart = app.board.loss
        chart.decimator = Decimator()
        chart.prepare(100)
        gone_through = []
        monkeypatch.setattr(History, "follow", lambda self, column: gone_through.append(column) or self)
        chart.decimator.thin(chart.plot, 100, 0.0, "#808080")
        assert gone_through == []
        Decimator().thin(chart.plot, 100, 0.0, "#808080")
        assert gone_through


async def test_the_ends_of_a_range_that_is_drawn_are_whole_steps_where_steps_are_counted(make):
    for counted in (True, False):
        run = make.healthy_run()
        if not counted:
            run = replace(run, columns={k: Column(c.step / 100, c.value) for k, c in run.columns.items()})
        app, _ = make.dashboard(run, make.healthy_report())
        async with app.run_test(size=(160, 45)) as pilot:
            await make.settled(pilot)
            await pilot.mouse_down("#loss", offset=(20, 8))
            await pilot.hover("#loss", offset=(34, 8))
            await pilot.pause()
            told = re.match(r" *step ([\d.,]+) ", app.board.loss.render_line(0).text)
            assert app.board.loss.render_line(4).text.count("│") == 3  # the axis and both ends
            assert ("." in told[1]) != counted
