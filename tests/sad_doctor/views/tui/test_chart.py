from __future__ import annotations

from dataclasses import replace

import numpy as np

from sad_doctor import names


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
        assert labels(loss) == ["200", "100", "50"]
        assert before[0] != labels(loss)
        assert before[1] != labels(metric)
        assert str(loss.border_subtitle) == "log scale"
        await pilot.press("2", "l")
        await pilot.pause()
        assert (labels(loss), labels(metric)) == (["200", "100", "50"], before[1])


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
