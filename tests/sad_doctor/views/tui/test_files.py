"""The dashboard on real files that grow, resume, crash, are cut, rotated, replaced, and come back."""

from __future__ import annotations

import json
import os

import pytest

from sad_doctor.check import check
from sad_doctor.readers import open_log
from sad_doctor.views.tui.app import DoctorApp


def rows(steps, loss=3.0, **more):
    return "".join(json.dumps({"step": step, "train/loss": loss, **more}) + "\n" for step in steps)


async def looked(make, pilot):
    pilot.app.tick()
    await make.settled(pilot)
    assert pilot.app.is_running


async def test_a_log_has_a_life(make, tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(rows(range(50)))
    app = DoctorApp(open_log(path), check, interval=3600.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await looked(make, pilot)
        assert app.snapshot.last == 49
        await pilot.press("1", "plus", "6")
        with path.open("a") as file:  # half a line
            file.write(rows(range(50, 60)) + '{"step": 60, "train')
        await looked(make, pilot)
        assert app.snapshot.last == 59
        with path.open("a") as file:  # it resumes some steps earlier
            file.write('/loss": 3}\n' + rows(range(40, 80)))
        await looked(make, pilot)
        assert app.snapshot.last == 79
        await pilot.press("1")
        await pilot.pause()
        assert 40.0 in app.board.loss._scene[2].seams
        path.write_text(rows(range(5), loss=7.0))  # it is cut short and begins anew
        await looked(make, pilot)
        assert app.snapshot.last == 4
        assert "7.0000" in make.shown(app)
        path.unlink()  # it is gone
        await looked(make, pilot)
        assert app.snapshot.last == 4
        other = tmp_path / "new"
        other.write_text(rows(range(100, 200), loss=float("nan")))
        os.replace(other, path)  # it is rotated
        await looked(make, pilot)
        assert app.snapshot.last == 199
        assert "×" in make.shown(app)
        path.write_bytes(os.urandom(20_000))  # it is no log any more
        await looked(make, pilot)
        await pilot.press("2", "5", "6", "7", "1")
        await pilot.pause()


async def test_a_run_that_crashes_is_said_to_have_crashed(make, tmp_path):
    path = tmp_path / "train.log"
    path.write_text("".join(f"{{'loss': 3.{n}, 'epoch': 0.1}}\n" for n in range(40)))
    app = DoctorApp(open_log(path), check, interval=3600.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await looked(make, pilot)
        with path.open("a") as file:
            file.write('Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    f()\n')
            file.write("RuntimeError: The size of tensor a (168) must match the size of tensor b (160)\n")
        await looked(make, pilot)
        assert "✖ crashed" in make.shown(app)
        assert "168" in make.shown(app)


async def test_megabyte_lines_and_nothing_but_nan_go_through_every_pane(make, tmp_path):
    path = tmp_path / "run.jsonl"
    nan = {f"train/weighted/{t}": float("nan") for t in ("kd", "lm")} | {"eval/loss": float("inf"), "x" * 300: -1e308}
    path.write_text(rows(range(30), loss=float("nan"), **nan) + "y" * (2 << 20) + "\n" + rows([30], loss=1e308))
    app = DoctorApp(open_log(path), check, interval=3600.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await looked(make, pilot)
        for key in (
            "1",
            "left",
            "plus",
            "s",
            "l",
            "2",
            "m",
            "m",
            "l",
            "3",
            "down",
            "4",
            "enter",
            "g",
            "y",
            "5",
            "6",
            "7",
        ):
            await pilot.press(key)
            await pilot.pause()
        assert app.is_running
        assert app.problem == ""


def unreadable_facts(tmp_path):
    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "metrics.jsonl").write_text(rows(range(300), **{"train/lr": 1e-3}))
    (folder / "events.jsonl").touch()
    (folder / "run.json").write_text("{,")
    return folder


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)])
async def test_facts_that_cannot_be_read_are_told_in_the_head_and_first_in_the_list(make, tmp_path, size):
    folder = unreadable_facts(tmp_path)
    app = DoctorApp(open_log(folder), check, interval=3600.0, now=lambda: make.now)
    async with app.run_test(size=size) as pilot:
        await looked(make, pilot)
        assert "⚠ The facts in run.json cannot be read: it is no JSON" in make.shown(app).splitlines()[1]
        await pilot.press("4")
        await pilot.pause()
        assert app.board.findings.rows[0].key == "unread"
        assert app.board.findings.row.key == "unread"
        assert any("The facts in run.json cannot be read" in row for row in make.shown(app).splitlines()[3:])
        await pilot.press("enter")
        await pilot.pause()
        assert "The facts in run.json cannot be read: it is no JSON" in app.sheet.page[0].text.plain
        await pilot.press("escape")
        (folder / "run.json").write_text('{"status": "finished", "total_steps": 300}')
        await looked(make, pilot)
        assert "run.json" not in make.shown(app)
        assert "finished" in make.shown(app).splitlines()[0]
