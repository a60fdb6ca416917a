from __future__ import annotations

from dataclasses import replace

import numpy as np

from sad_doctor import names
from sad_doctor.views.tui.charts.bands import BARLESS


async def test_bands_lie_over_bars_where_it_is_high_and_beside_them_where_it_is_not(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        bands, bars = app.board.shares.bands.region, app.board.shares.bars.region
        assert bands.bottom <= bars.y
        assert "layerwise" in make.shown(app)
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        bands, bars = app.board.shares.bands.region, app.board.shares.bars.region
        assert bands.right <= bars.x
        assert bands.y == bars.y
        assert bars.width <= 0.6 * app.board.shares.content_size.width + 1
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        longest = max(map(len, app.board.shares.bars.shares.columns))
        assert app.board.shares.bars.size.width == longest + BARLESS  # what the names leave is for the bands
        assert "layerwise" in make.shown(app)


async def test_the_bars_tell_the_share_of_now(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        rows = [app.board.shares.bars.render_line(y).text for y in range(8)]
    assert rows[0].startswith("■ layerwise")
    assert rows[0].rstrip().endswith("90.6%")
    assert rows[1].startswith("■ kd")


async def test_terms_without_known_parts_say_so(make):
    run = make.healthy_run()
    columns = {k: c for k, c in run.columns.items() if not k.startswith((names.WEIGHT, names.WEIGHTED))}
    noise = np.random.default_rng(1)
    for name in [k for k in columns if k.startswith(names.RAW)]:  # no weights make them sum to the loss
        columns[name] = make.column(columns[name].step, noise.random(len(columns[name])))
    app, _ = make.dashboard(replace(run, columns=columns), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.pause()
        assert "the log does not tell the parts" in make.shown(app)
        assert not app.board.shares.bars.region
        assert app.board.shares.region.height <= 6


async def test_another_window_leaves_the_bars_as_they_are(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        bands, bars = app.board.shares.bands.shares, app.board.shares.bars.shares
        app.board.look_at(0.25, 10_000)
        assert app.board.shares.bands.shares is not bands
        assert app.board.shares.bars.shares is bars
        app.theme = "doctor-light"
        await pilot.pause()
        assert app.board.shares.bars.shares is not bars


async def test_a_click_on_the_bands_puts_the_cursor_there(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        bands, seen = app.board.shares.bands, []
        for share in (0.3, 0.6):
            await pilot.click(bands, offset=(round(share * bands.size.width), 2))
            await pilot.pause()
            seen.append(app.board.cursor / 21_700)
            assert "at step" in make.shown(app)
            assert bands.render_line(2).text.count("│") == 1
            assert app.board.cursor == round(app.board.cursor)  # the steps of this log are counted
        assert 0.1 < seen[0] < seen[1] < 0.9
