from __future__ import annotations

from dataclasses import replace

import pytest

from sad_doctor import names


async def test_the_second_chart_shows_the_first_metric_until_another_is_chosen(make):
    run = make.healthy_run()
    early = replace(run, columns={k: c for k, c in run.columns.items() if not k.startswith(("eval/", "teacher/"))})
    for chosen in (False, True):
        app, source = make.dashboard(early, make.healthy_report())
        async with app.run_test(size=(160, 45)) as pilot:
            await make.settled(pilot)
            first = app.board.metric.title
            if chosen:
                app.board.show_metric(first)
            source.grow(run)
            app.tick()
            await make.settled(pilot)
            assert (app.board.metric.title == first) == chosen


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


async def test_the_detail_does_not_tell_again_what_the_list_tells(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        assert str(app.board.detail.border_title) == "R101 · weights-never-move"
        assert app.board.detail.page[0].text.plain == "Evidence"
        await pilot.press("enter")
        await pilot.pause()
        assert make.shown(app).count("The weights never moved") > 1  # the sheet over it is the whole page


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


async def test_however_close_one_looks_there_are_records(make):
    run = make.healthy_run()
    thin = {name: make.column(c.step[::40], c.value[::40]) for name, c in run.columns.items()}
    app, _ = make.dashboard(replace(run, columns=thin), make.healthy_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press(*["plus"] * 12)
        await pilot.pause()
        left, right = app.board.window
        step = thin[names.LOSS].step
        assert 3 <= ((step >= left) & (step <= right)).sum() < 6
        await pilot.press("0")
        await pilot.pause()
        assert app.board.window is None


async def test_a_key_of_a_tab_that_is_empty_says_why(make):
    run = make.healthy_run()
    app, _ = make.dashboard(
        replace(run, columns={names.LOSS: run.columns[names.LOSS]}, facts={}), make.healthy_report()
    )
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        for key, said in (
            *(("3", "no terms are logged"), ("2", "no held-out text"), ("8", "one run is open")),
            ("m", "no other metric"),
        ):
            before = {n.message for n in app._notifications}
            await pilot.press(key)
            await pilot.pause()
            (new,) = {n.message for n in app._notifications} - before
            assert said in new
        assert app.tab_shown != 8


async def test_a_key_of_a_tab_that_is_full_says_nothing(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("3", "2", "m")
        await pilot.pause()
        assert not list(app._notifications)


@pytest.mark.parametrize("size", [(160, 45), (120, 40)])
async def test_where_nothing_but_the_loss_is_logged_its_chart_takes_the_room(make, size):
    run = make.healthy_run()
    alone = replace(run, columns={"train/loss": run.columns["train/loss"]})
    app, source = make.dashboard(alone, make.healthy_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        room = app.board.loss.size.area
        assert "no held-out text measured yet" in make.shown(app)
        source.grow(run)
        app.tick()
        await make.settled(pilot)
        assert app.board.loss.size.area < room


async def test_of_another_run_that_comes_to_the_front_nothing_is_kept(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("down")
        await pilot.pause()
        board = app.board
        board.window = (100, 200)
        assert board._finding is not None
        board.forget()
        assert (board.window, board._finding, board._term, board._verdict) == (None, None, None, None)
