"""Nothing that a log says is markup, a link, or a control code on the terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from sad_doctor import names
from sad_doctor.finding import Crashed, Finding, Level, NotChecked, Report, Story
from sad_doctor.run import Event
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.panes.run_picker import Picker

NASTY = [
    "loss [/nope] 3",
    "[@click=app.quit]quit[/]",
    "[bold red]x",
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u2066",
    "a\x00b\x07c\x9b31m",
    "line\nbreak\ttab\r",
    "\\[x] [link=file:///etc/passwd]y[/link]",
    "<svg onload=alert(1)>&amp;",
    "損失" * 40,
    "\ud800 lone",
]


def hostile(make, texts):
    """Return a run and a report that say ``texts`` wherever a log can say anything."""
    run = make.sick_run(points=30)
    some = run.columns[names.LOSS]
    columns = {names.LOSS: some}
    for text in texts:
        columns |= {prefix + text: some for prefix in (names.RAW, names.WEIGHT, names.WEIGHTED, "")}
    findings = [Finding("R1", t, Level.ERROR, t, (t,), t, t, 3.0, 9.0) for t in texts]
    lacking = tuple(NotChecked(t, t, t) for t in texts)
    broken = tuple(Crashed(t, t, t) for t in texts)
    report = Report(tuple(Story(f, (f,)) for f in findings), tuple(texts), lacking, broken)
    events = tuple(Event(t, t, 5.0) for t in texts)
    name = " ".join(texts)
    facts = {**run.facts, names.STATUS: name, "config": {t: t for t in texts}}
    said = {"notes": tuple(texts), "tail": tuple(texts), "events": events, "facts": facts}
    return replace(run, name=name, format=name, path=Path(name.replace("\0", "")), columns=columns, **said), report


def assert_harmless(make, app):
    drawing = make.picture(app)
    ElementTree.fromstring(drawing)
    assert not set(drawing) & set("\x1b\x07\x00\u202e\u2066\x9b\r")
    assert not any("@click" in str(segment.style.meta) or segment.style.link for segment in make.segments(app))


def nasty_file(folder):
    path = folder / "[red]\x1b]0;x\x07.log"
    path.write_text("\n".join(NASTY), encoding="utf-8", errors="replace")
    return path


async def test_nothing_from_a_log_is_markup(make):
    app, source = make.dashboard(make.empty_run(), lambda _: said[-1])
    said = [make.empty_report()]
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        for nasty in NASTY:
            run, report = hostile(make, [nasty])
            said.append(report)
            source.grow(run)
            app.tick()
            await make.settled(pilot)
            assert app.snapshot.run is run
            assert_harmless(make, app)


async def test_no_pane_reads_a_log_as_markup(make, tmp_path):
    run, report = hostile(make, NASTY)
    app, source = make.dashboard(run, report)
    async with app.run_test(size=(160, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("right", "down", "enter")
        await pilot.pause()
        assert_harmless(make, app)
        await pilot.press("escape", "end")
        for _ in range(6):
            await pilot.press("up")
            await pilot.pause()
            assert_harmless(make, app)
        await pilot.press("3", "down")
        for _ in NASTY:
            await pilot.press("m")
            await pilot.pause()
        assert_harmless(make, app)
        source.path = nasty_file(tmp_path)
        for page in "567":
            await pilot.press(page)
            await pilot.pause()
            assert_harmless(make, app)
        assert app.log_pane.shown
        await pilot.press("1", "4", "y")
        assert not set(app.clipboard) & set("\x1b\x07\x00\u202e\u2066\x9b\r")
        source.error = ValueError(" ".join(NASTY))
        app.tick()
        await make.settled(pilot)
        assert_harmless(make, app)
        assert "ValueError: loss [/nope] 3" in make.shown(app)


async def test_runs_and_folders_with_nasty_names_are_only_names(make, tmp_path):
    paths = [nasty_file(tmp_path), tmp_path / "[@click=app.quit]b.log"]
    paths[1].write_text("loss: 3\n")
    runs = [hostile(make, [text]) for text in NASTY[:3]]
    reports = {id(run): report for run, report in runs}
    app = DoctorApp([make.source(run) for run, _ in runs], lambda run: reports[id(run)], interval=3600.0, choices=paths)
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert_harmless(make, app)
        await pilot.press("8", "down", "enter")
        await pilot.pause()
        assert_harmless(make, app)
        app.push_screen(Picker(paths))
        await pilot.pause()
        assert_harmless(make, app)
