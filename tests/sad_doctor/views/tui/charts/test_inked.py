from __future__ import annotations


async def test_the_styles_are_mixed_once_for_a_background_and_anew_for_another_theme(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        for chart in (app.board.loss, app.board.shares.bands):
            mixed, mix = [], chart.mixed
            monkeypatch.setattr(chart, "mixed", lambda mixed=mixed, mix=mix: mixed.append(mix()) or mixed[-1])
            chart.notify_style_update()
            dark = chart.ink()
            assert chart.ink() is dark
            assert len(mixed) == 1
            app.theme = "doctor-light"
            await pilot.pause()
            assert chart.ink().base != dark.base
            app.theme = "doctor-dark"
            await pilot.pause()
