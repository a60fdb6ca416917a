"""Several runs at once, driven: on one chart, in a list, one of them in front; and how they are chosen."""

from __future__ import annotations

import re
from dataclasses import replace

from sad_doctor.readers import open_log
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.open_runs import OpenRuns, peek
from sad_doctor.views.tui.panes.run_picker import Picker


def judge(make):
    return lambda run: make.sick_report() if run.name.startswith("run-2") else make.healthy_report()


async def test_runs_are_compared_on_one_chart_and_change_places(make):
    first, second = make.source(make.healthy_run()), make.source(make.sick_run())
    app = DoctorApp([first, second], judge(make), interval=3600.0, now=lambda: make.now)
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        assert [s.name for s in app.board.loss.plot.series] == ["2026-11-23-demo", "run-2-epoch-0", "held-out"]
        assert [s.name for s in app.board.metric.plot.series][:2] == ["2026-11-23-demo", "run-2-epoch-0"]
        assert app.board.loss.plot.steps == (0.0, 21_700.0)
        assert "no red flags" in make.shown(app)
        await pilot.press("8")
        await pilot.pause()
        assert "▶ ━ 2026-11-23-demo" in make.shown(app)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "▶ ━ run-2-epoch-0" in make.shown(app)
        assert app.snapshot.run.name == "run-2-epoch-0"
        assert app.board.loss.plot.series[0].name == "run-2-epoch-0"
        second.grow(replace(make.sick_run(), name="run-2-epoch-1"))
        app.tick()
        await make.settled(pilot)
        assert "run-2-epoch-1" in make.shown(app)


def test_of_runs_that_were_left_nothing_is_shown_any_more(make):
    open_runs = OpenRuns([make.source(make.healthy_run()), make.source(make.sick_run())], judge(make), lambda: 0.0)
    open_runs.stop()
    assert open_runs.look() == ({}, "")


def test_a_log_that_cannot_be_read_does_not_hide_the_others(make):
    sources = [make.source(make.healthy_run()), make.source(make.sick_run())]
    sources[0].error = OSError("gone [/x]")
    open_runs = OpenRuns(sources, judge(make), lambda: 0.0)
    found, problem = open_runs.look()
    assert list(found) == [1]
    assert problem == "OSError: gone [/x]"
    open_runs.keep(found)
    assert open_runs.names == ["fake.log", "run-2-epoch-0"]
    assert open_runs.page("0") == []
    assert open_runs.own.name == "fake.log"


def test_a_log_that_is_gone_is_told_until_it_is_back(make, tmp_path):
    (path,) = logs(tmp_path, ["a.jsonl"])
    open_runs = OpenRuns([open_log(path), make.source(make.sick_run())], judge(make), lambda: 0.0)
    assert open_runs.look()[1] == ""  # a run in a database has a path that was never there
    path.rename(tmp_path / "moved")
    assert open_runs.look()[1] == "a.jsonl is gone: what was read of it stays, and it is read again once it is back"
    (tmp_path / "moved").rename(path)
    assert open_runs.look()[1] == ""


def logs(folder, names):
    for number, name in enumerate(names):
        rows = "".join(f'{{"step": {i}, "train/loss": {3 + number}}}\n' for i in range(30))
        (folder / name).write_text(rows)
    return sorted(folder.iterdir())


async def test_a_run_is_picked_from_a_folder_and_another_one_later(make, tmp_path):
    paths = logs(tmp_path, ["a.jsonl", "b [bold].jsonl", "c.jsonl"])
    app = DoctorApp([], judge(make), interval=3600.0, choices=paths, opener=open_log)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Picker)
        await make.settled(pilot)
        assert "choose a run" in make.shown(app)
        told = make.shown(app)
        assert re.search(r"b \[bold\]\.jsonl +✓ no red flags", told)
        assert re.search(r"JSON lines +step +29   written .+ ago", told)
        assert " in " not in told  # all lie in one folder
        rows = [row for row in told.splitlines() if "✓ no red flags" in row]
        assert len({row.index("✓") for row in rows}) == 1  # the verdicts stand below each other
        assert make.shown(app).count("no red flags") == 3
        at = [path.name for path in app.screen.paths].index("b [bold].jsonl")
        await pilot.press(*["down"] * at, "enter")
        await make.settled(pilot)
        assert app.snapshot.run.name.startswith("b [bold]")
        await pilot.press("r", "space", "space", "enter")
        await make.settled(pilot)
        assert len(app.open_runs.sources) == 2
        assert app.tabs.several
        await pilot.press("r", "escape")
        await pilot.pause()
        assert not app.above
        assert len(app.open_runs.sources) == 2
        await pilot.press("r", "q")
        await pilot.pause()
        assert not app.is_running


async def test_a_click_on_the_signs_marks_runs_to_compare(make, tmp_path):
    paths = logs(tmp_path, ["a.jsonl", "b.jsonl", "c.jsonl"])
    app = DoctorApp([], judge(make), interval=3600.0, choices=paths, opener=open_log)
    async with app.run_test(size=(100, 30)) as pilot:
        await make.settled(pilot)
        for row in (0, 4, 2, 2):  # each run has two rows; the third is marked, and no longer
            await pilot.click(app.screen.list, offset=(3, 1 + row))
            await pilot.pause()
        assert isinstance(app.screen, Picker)
        assert app.screen.marked == [app.screen.paths[0], app.screen.paths[2]]
        assert app.screen.list.highlighted == 1
        await pilot.press("enter")
        await make.settled(pilot)
        assert len(app.open_runs.sources) == 2


async def test_who_picks_nothing_leaves_and_what_cannot_be_opened_is_said(make, tmp_path):
    paths = logs(tmp_path, ["a.jsonl", "b.jsonl"])
    app = DoctorApp([], judge(make), interval=3600.0, choices=paths, opener=open_log)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        for path in paths:
            path.write_bytes(b"")
        await pilot.press("enter")
        await pilot.pause()
        assert any("is empty" in n.message for n in app._notifications)
        assert not app.is_running


def test_a_long_run_is_not_judged_while_one_chooses(make, tmp_path, monkeypatch):
    monkeypatch.setattr("sad_doctor.readers.tail.CHUNK", 100)
    monkeypatch.setattr("sad_doctor.views.tui.open_runs._PEEK", 0.0)
    (path,) = logs(tmp_path, ["a.jsonl"])
    assert next(told.plain for told in peek(open_log(path), lambda _: {}["no"])) == "long"
    assert "3 ▲ 2" in peek(make.source(make.sick_run()), judge(make))[0].plain
