from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events

from sad_doctor.finding import Report, Story


def keys(app):
    return [row.key for row in app.board.findings.rows]


async def test_the_highlighted_finding_is_told_in_full(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert "No optimizer step was taken" in make.shown(app)
        await pilot.press("down")
        await pilot.pause()
        assert "Compare normalised states" in make.shown(app)


async def test_the_first_cause_is_highlighted_until_somebody_has_chosen_a_row(make):
    late = make.sick_report()
    early = replace(late, stories=late.stories[2:])
    for moved in ([], ["down", "up"], ["tab"]):  # the last to the detail, to read it
        app, source = make.dashboard(make.sick_run(), lambda run: early if run.last_step < 21_000 else late)
        source.grow(make.sick_run(200, 20_000))
        async with app.run_test(size=(160, 45)) as pilot:
            await make.settled(pilot)
            assert app.board.findings.row.finding.rule == "R301"
            await pilot.press(*moved)
            source.grow(make.sick_run())
            app.tick()
            await make.settled(pilot)
            assert app.board.findings.row.finding.rule == ("R301" if moved else "R101")


async def test_right_unfolds_left_folds_and_finds_the_cause(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert "R104:1" not in keys(app)
        await pilot.press("right")
        await pilot.pause()
        assert keys(app)[:3] == ["R101:1", "R104:1", "R105:1"]
        await pilot.press("down", "down", "left")
        await pilot.pause()
        assert app.board.findings.row.key == "R101:1"
        await pilot.press("left")
        await pilot.pause()
        assert "R104:1" not in keys(app)


async def test_the_frame_names_the_keys_that_do_something_on_the_row(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        told = []
        for key in ("down", "up", "right", "down", "end"):
            await pilot.press(key)
            await pilot.pause()
            told.append(app.board.findings.border_subtitle)
        assert told == [
            "⏎ page  g jump  y copy",
            "⏎ page  g jump  y copy  → unfold",
            "⏎ page  g jump  y copy  ← fold",
            "⏎ page  g jump  y copy  ← fold",
            "⏎ page",
        ]


async def test_the_filter_narrows_findings_and_terms_and_esc_clears_it(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        before = keys(app)
        await pilot.press("slash", *"layer")
        await pilot.pause()
        assert keys(app)[0] == "R203:1"
        assert "R101:1" not in keys(app)
        assert [t.name for t in app.board.terms.shown] == ["layerwise"]
        assert "7 hidden by the filter" in make.shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.focused is app.board.findings
        assert keys(app)[0] == "R203:1"
        await pilot.press("escape")
        await pilot.pause()
        assert keys(app) == before
        assert len(app.board.terms.shown) == 8


async def test_keys_typed_into_the_filter_are_text(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("slash", *"qlem", "space", "z")
        await pilot.pause()
        assert app.is_running
        assert not app.paused
        assert app.wanted.value == "qlem z"


async def test_a_new_report_keeps_the_highlighted_row(make):
    reports = [make.sick_report()]
    app, source = make.dashboard(make.sick_run(), lambda _: reports[-1])
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        await pilot.press("down")
        await pilot.pause()
        assert app.board.findings.row.key == "R203:1"
        old = reports[0]
        worse = replace(old.stories[1].finding, headline="The layerwise term owns the loss: 95%.", evidence=("worse",))
        reports.append(replace(old, stories=(old.stories[2], old.stories[0], replace(old.stories[1], finding=worse))))
        source.grow(make.sick_run())
        app.tick()
        await make.settled(pilot)
        assert app.board.findings.row.key == "R203:1"
        assert "owns the loss: 95%" in make.shown(app)
        assert "• worse" in make.shown(app)


async def test_what_was_not_checked_can_be_reached(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.press("down", "down", "down", "down")
        await pilot.pause()
        assert app.board.findings.row.key == "not-checked"
        assert "the log has no train/grad_norm" in make.shown(app)


async def test_keys_in_quick_succession_go_where_the_first_one_led(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        for key, character in (("slash", "/"), ("l", "l"), ("e", "e"), ("q", "q"), ("1", "1")):
            app.post_message(events.Key(key, character))
        await make.settled(pilot)
        assert app.wanted.value == "leq1"
        await pilot.press("escape")
        for key, character in (("2", "2"), ("home", None)):
            app.post_message(events.Key(key, character))
        await make.settled(pilot)
        assert app.board.cursor == 0.0


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_rows_are_wrapped_to_the_width_that_is_left_by_the_scrollbar(make, size):
    finding = make.sick_report().stories[0].finding
    longer = [Story(replace(finding, headline="a" * n + " b c d" * 30)) for n in range(1, 9)]
    app, _ = make.dashboard(make.sick_run(), Report(tuple(longer), (), (), ()))
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        findings = app.board.findings
        width = findings.room - 2
        lines = [findings.paint_line(y).text.rstrip() for y in range(findings.size.height)]
        assert findings.allow_vertical_scroll
        assert max(map(len, lines)) == width + 1  # and a margin
