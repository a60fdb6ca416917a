"""The life of the dashboard: it looks, it shows, it pauses, it survives."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

SIZES = [(80, 24), (120, 40), (200, 60), (20, 5)]
KINDS = ["sick", "healthy", "empty", "held_out", "nan"]


def run_and_report(make, kind):
    return {
        "sick": (make.sick_run, make.sick_report),
        "healthy": (make.healthy_run, make.healthy_report),
        "empty": (make.empty_run, make.empty_report),
        "held_out": (make.held_out_run, make.healthy_report),
        "nan": (make.run_with_nan, make.sick_report),
    }[kind]


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
async def test_every_kind_of_run_is_shown_at_every_size(make, size):
    reports = [make.empty_report()]
    app, source = make.dashboard(make.empty_run(), lambda _: reports[-1])
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        for kind in KINDS:
            run, report = (build() for build in run_and_report(make, kind))
            reports.append(report)
            source.grow(run)
            app.tick()
            await make.settled(pilot)
            assert app.snapshot.run is run
            for tab in "2341" if "-small" in app.screen.classes else "1":
                await pilot.press(tab, *("l" if tab == "1" else ""))
                await pilot.pause()
                text = make.shown(app)
                assert run.name in text
                assert {len(row) for row in text.splitlines()} <= {*range(size[0] + 1)}
        assert app.problem == ""


async def test_the_screen_is_filled_at_220x60(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        right = max(pane.region.right for pane in app.board.panes)
        bottom = max(pane.region.bottom for pane in app.board.panes)
        assert (right, bottom) == (220, 59)
        assert all(pane.region.area > 0 for pane in app.board.panes)


async def test_the_head_tells_run_step_status_and_heartbeat(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        head = "\n".join(make.shown(app).splitlines()[:2])
    for part in ("run-2-epoch-0", "console log", "21,700 / 24,914", "87%", "running, 4 s ago", "LIVE", "✖ 3", "▲ 2"):
        assert part in head


async def test_a_growing_run_is_followed(make):
    app, source = make.dashboard(make.empty_run(), make.empty_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        assert "waiting for the first step" in make.shown(app)
        source.grow(make.healthy_run())
        app.tick()
        await make.settled(pilot)
        assert "step 1,995" in make.shown(app)


async def test_the_timer_looks_at_the_log(make):
    app, source = make.dashboard(make.empty_run(), make.empty_report(), interval=0.001)
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(1000):
            await pilot.pause()
            if source.polls > 3:
                break
    assert source.polls > 3


async def test_nothing_new_is_neither_judged_nor_drawn_again(make):
    judged = []

    def judge(run):
        judged.append(run)
        return make.healthy_report()

    app, source = make.dashboard(make.healthy_run(), judge)
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        before, plot = app.snapshot, app.board.loss.plot
        app.tick()
        await make.settled(pilot)
        assert source.polls == 2
        assert len(judged) == 1
        assert app.snapshot is before
        assert app.board.loss.plot is plot


async def test_space_pauses_and_goes_on(make):
    app, source = make.dashboard(make.empty_run(), make.empty_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("space")
        source.grow(make.healthy_run())
        app.tick()
        await make.settled(pilot)
        assert "PAUSED" in make.shown(app)
        assert "waiting for the first step" in make.shown(app)
        assert source.polls == 1
        await pilot.press("space")
        await make.settled(pilot)
        assert "PAUSED" not in make.shown(app)
        assert "step 1,995" in make.shown(app)


async def test_a_log_that_cannot_be_read_is_said_and_looked_at_again(make):
    app, source = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        source.error = OSError("the disk went away [/bold] \x1b[2J")
        app.tick()
        await make.settled(pilot)
        assert "OSError: the disk went away [/bold]" in make.shown(app)
        assert app.snapshot.run.name in make.shown(app)
        source.error = None
        app.tick()
        await make.settled(pilot)
        assert "OSError" not in make.shown(app)


async def test_a_judge_that_raises_is_said(make):
    def judge(_):
        raise ZeroDivisionError("division by zero")

    app, _ = make.dashboard(make.healthy_run(), judge)
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        assert "ZeroDivisionError: division by zero" in make.shown(app)
        assert app.is_running


async def test_what_could_not_be_judged_is_judged_again(make):
    answers = [make.healthy_report(), ZeroDivisionError("once"), make.sick_report()]

    def judge(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    app, source = make.dashboard(make.healthy_run(), judge)
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        source.grow(make.sick_run())
        app.tick()
        await make.settled(pilot)
        assert "ZeroDivisionError: once" in make.shown(app)
        app.tick()
        await make.settled(pilot)
        assert "run-2-epoch-0" in make.shown(app)
        assert answers == []


async def test_q_quits(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running
    assert app.return_code == 0


async def test_the_palette_names_the_key_of_a_command(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        told = {c.title: c.help.partition("  ·  ")[0] for c in app.get_system_commands(app.screen) if "  ·  " in c.help}
        signs = {"slash": "/", "plus": "+", "minus": "-", "question_mark": "?"}
        bound = {
            signs.get(key, key): one.action for key, group in app._bindings.key_to_bindings.items() for one in group
        }
        assert set(told.values()) <= set(bound), set(told.values()) - set(bound)
        assert bound[told["Smooth"]] == "smooth"
        assert bound[told["Go to Findings"]] == "tab(4)"
        assert len(set(told.values())) == len(told)


async def test_the_palette_has_our_commands(make):
    app, _ = make.dashboard(make.healthy_run(), make.healthy_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, CommandPalette)
        await pilot.press("escape")
        await pilot.pause()
        commands = {command.title: command.callback for command in app.get_system_commands(app.screen)}
        for title in ("Light theme", "Scale", "Next metric", "Pause or go on", "Zoom", "Filter"):
            commands[title]()
            await pilot.pause()
        assert app.theme == "doctor-light"
        assert app.board.loss.logarithmic
        assert app.board.metric.title == "Bits per byte"
        assert app.paused
        assert app.focused is app.wanted
        assert {"Picture", "Help", "Theme", "Dark theme", "Quit"} <= set(commands)
        commands["Show Gradient norm"]()
        await pilot.pause()
        assert app.board.metric.title == "Gradient norm"
        assert app.focused is app.board.metric


async def test_tab_visits_every_pane_and_comes_back(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        seen = []
        for _ in range(5):
            seen.append(app.focused.id)
            await pilot.press("tab")
            await pilot.pause()
        assert seen == ["findings", "detail", "loss", "metric", "terms"]
        assert app.focused.id == "findings"
        await pilot.press("shift+tab")
        await pilot.pause()
        assert app.focused.id == "terms"


async def test_tab_goes_through_the_tabs_of_a_small_terminal(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(80, 24)) as pilot:
        await make.settled(pilot)
        seen = []
        for _ in range(10):
            seen.append((app.tab_shown, app.focused.id))
            await pilot.press("tab")
            await pilot.pause()
        assert seen == [
            (1, "findings"), (1, "loss"), (2, "metric"), (3, "terms"), (4, "findings"), (4, "detail"),
            (5, "rules-list"), (5, "rules-page"), (6, "log"), (7, "recipe"),
        ]  # fmt: skip
        assert (app.tab_shown, app.focused.id) == (1, "findings")


async def resized(pilot, width, height):
    """Resize the terminal and wait until the screen knows: the app lets resizes settle first."""
    await pilot.resize_terminal(width, height)
    for _ in range(1000):
        if pilot.app.screen.size == (width, height):
            break
        await pilot.pause()
    await pilot.pause()


async def test_panes_collapse_into_tabs_and_come_back(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert all(pane.region.area > 0 for pane in app.board.panes)
        await resized(pilot, 80, 24)
        assert [p.id for p in app.board.panes if p.region.area] == ["loss", "findings"]
        assert "1 Overview" in make.shown(app)
        await pilot.press("3")
        await pilot.pause()
        assert [p.id for p in app.board.panes if p.region.area] == ["shares", "terms"]
        await resized(pilot, 120, 40)
        assert all(pane.region.area > 0 for pane in app.board.panes)
        assert app.board.loss.region.area


async def test_z_lets_a_pane_fill_the_screen(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "z")
        await pilot.pause()
        assert app.board.loss.region.width == 120
        assert app.board.loss.region.height == 36  # all but the head, the tabs and the keys
        assert not app.board.metric.region
        await pilot.press("escape")
        await pilot.pause()
        assert app.board.loss.region.width < 120
