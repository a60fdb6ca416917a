from __future__ import annotations


async def test_m_shows_the_next_metric_and_it_stays(make):
    app, source = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert app.board.metric.title == "Perplexity"
        await pilot.press("m")
        await pilot.pause()
        assert app.board.metric.title == "Bits per byte"
        source.grow(make.healthy_run(500))
        app.tick()
        await make.settled(pilot)
        assert app.board.metric.title == "Bits per byte"
        await pilot.press("M", "M")
        await pilot.pause()
        assert app.board.metric.title == "Tokens per second"


async def test_m_goes_to_the_chart_on_a_small_terminal(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        await pilot.press("m")
        await pilot.pause()
        assert app.tab_shown == 2
        assert "Bits per byte" in make.shown(app)


async def test_the_steps_of_the_highlighted_finding_are_marked(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert app.board.loss.plot.span == (0, 21_700)
        await pilot.press("down")
        await pilot.pause()
        assert app.board.loss.plot.span == (2_400, 21_700)
        assert app.board.metric.plot.span == (2_400, 21_700)
        await pilot.press("end")
        await pilot.pause()
        assert app.board.loss.plot.span is None


async def test_a_run_without_terms_gives_their_room_away(make):
    app, source = make.dashboard(make.held_out_run(), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert not app.board.terms.region.area
        narrow = app.board.loss.region.width
        source.grow(make.healthy_run())
        app.tick()
        await make.settled(pilot)
        assert app.board.terms.region.area
        assert app.board.loss.region.width < narrow


async def test_charts_and_shares_have_the_same_steps(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        board = app.board
        assert board.loss.plot.steps == board.metric.plot.steps == board.shares.bands.shares.steps == (0.0, 1_995.0)
