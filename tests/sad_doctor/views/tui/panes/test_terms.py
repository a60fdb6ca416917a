from __future__ import annotations

from dataclasses import replace

import pytest

from sad_doctor import names


def table(app):
    return [[cell.plain for cell in row] for row in app.board.terms.cells]


async def test_the_table_has_raw_weight_weighted_share_and_trend(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(240, 60)) as pilot:
        await make.settled(pilot)
        rows = {row[0].lstrip("■ "): row[1:] for row in table(app)}
        assert rows["layerwise"][:4] == ["3,211.2", "0.0500", "160.56", "90.6%"]
        assert rows["layerwise"][4].endswith("%")
        assert rows["load_balance"][4].endswith("–")
        assert app.board.terms.head.plain.split() == ["term", "raw", "weight", "weighted", "share", "trend"]


async def test_a_narrow_table_keeps_what_matters(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        assert app.board.terms.head.plain.split() == ["term", "weighted", "share", "trend"]
        assert all(
            strip.cell_length == app.board.terms.size.width for strip in map(app.board.terms.render_line, range(5))
        )


async def test_the_term_under_the_cursor_is_drawn_in_the_chart(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("3")
        await make.settled(pilot)
        assert [s.name for s in app.board.loss.plot.series] == ["train", "held-out", "kd"]
        await pilot.press("down")
        await pilot.pause()
        await pilot.pause()
        assert [s.name for s in app.board.loss.plot.series] == ["train", "held-out", "routing_feature"]
        await pilot.press("tab")
        await pilot.pause()
        await pilot.pause()
        assert [s.name for s in app.board.loss.plot.series] == ["train", "held-out"]


async def test_values_change_in_place(make):
    app, source = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(240, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("3", "down", "down")
        run = make.sick_run()
        kd = names.WEIGHTED + "kd"
        step = run.columns[kd].step
        changed = make.column(step, [*run.columns[kd].value[:-1], float("nan")])
        source.grow(replace(run, columns={**run.columns, kd: changed}))
        app.tick()
        await make.settled(pilot)
        assert table(app)[0][3] == "NaN"
        assert app.board.terms.highlighted == 2


async def test_values_called_raw_that_are_weighted_are_said_to_be(make):
    run = make.sick_run()
    parts = {names.RAW + t: c for t, c in run.terms(names.WEIGHTED).items()}
    app, _ = make.dashboard(replace(run, columns={names.LOSS: run.columns[names.LOSS], **parts}), make.sick_report())
    async with app.run_test(size=(240, 60)) as pilot:
        await make.settled(pilot)
        assert "“raw” values are weighted already" in make.shown(app)


async def test_terms_of_which_only_the_weight_is_known_come_last(make):
    run = make.healthy_run()
    columns = {names.WEIGHT + "feature": make.column([0.0], [0.0]), **run.columns}
    app, _ = make.dashboard(replace(run, columns=columns), make.healthy_report())
    async with app.run_test(size=(240, 60)) as pilot:
        await make.settled(pilot)
        assert table(app)[-1][0] == "■ feature"
        assert app.board.terms.head.plain.split() == ["term", "raw", "weight", "weighted", "share", "trend"]
        assert table(app)[-1][1:4] == ["–", "0", "–"]
        assert table(app)[-1][-1].strip() == "–"


async def test_more_terms_than_fit_do_not_hide_the_end_of_the_trends(make):
    run = make.healthy_run()
    many = {f"train/weighted/part_{n}": run.columns["train/weighted/kd"] for n in range(14)}
    app, _ = make.dashboard(replace(run, columns={**run.columns, **many}), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        table = app.board.terms
        assert table.allow_vertical_scroll
        assert not table.allow_horizontal_scroll
        assert "…" not in table.paint_line(1).text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45), (220, 60)])
async def test_a_long_name_is_whole_at_the_cost_of_numbers_that_say_less(make, size):
    run = make.sick_run()
    kept = {name: column for name, column in run.columns.items() if not name.endswith("routing_feature")}
    longer = {
        name.replace("routing_feature", "attention_alignment"): column
        for name, column in run.columns.items()
        if name.endswith("routing_feature")
    }
    app, _ = make.dashboard(replace(run, columns={**kept, **longer}), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await pilot.press("3")
        await make.settled(pilot)
        rows = table(app)
        assert any(row[0] == "■ attention_alignment" for row in rows)
        assert {"weighted", "trend"} <= set(app.board.terms.head.plain.split())
        assert any(any(block in row[-1] for block in "▁▂▃▄▅▆▇█") for row in rows)
