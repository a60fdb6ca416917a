from __future__ import annotations

import re

import numpy as np
from rich.style import Style

from sad_doctor.run import Column
from sad_doctor.views.series import Series
from sad_doctor.views.tui.app import DoctorApp
from sad_doctor.views.tui.charts.letters import lay_letters, letter, lettered
from sad_doctor.views.tui.painting.canvas import Canvas

COLUMN = Column(np.arange(5.0), np.arange(5.0))


def series(name, kind="line", mark=""):
    return Series(name, COLUMN, "#ffffff", kind, mark)


def marks(*every, wanted=True):
    return [one.mark for one in lettered(every, wanted)]


def test_lines_have_letters_where_there_are_several_and_no_colours():
    assert marks(series("a"), series("b"), series("eval", "points")) == ["A", "B", ""]
    assert marks(series("own", mark="B"), series("other", mark="A"), series("kd")) == ["B", "A", "C"]
    assert marks(series("own", mark="B"), series("teacher", "level")) == ["", ""]
    assert marks(series("own", mark="B"), series("other", mark="A"), wanted=False) == ["", ""]


def test_the_letters_are_fifty_two():
    assert [letter(n) for n in (0, 25, 26, 51, 52)] == ["A", "Z", "a", "z", "A"]


def test_each_line_has_its_letter_at_its_end_and_none_hides_another_or_the_ends_of_a_spike():
    canvas = Canvas(60, 8, Style())
    flat = np.zeros((8, 60), dtype=np.int64)
    flat[4, :50] = 0x28FF
    flat[1:6, 49] = 0x28FF  # a spike in the last column
    canvas.lay(0, 0, flat, Style())
    lay_letters(canvas, 0, 0, [("A", "#111111", flat), ("B", "#222222", flat), ("", "#333333", flat)])
    rows = [strip.text for strip in canvas.strips()]
    assert rows[3][49] == "A"
    assert rows[1][49] == rows[5][49] == chr(0x28FF)
    assert rows[4].count("A") == rows[4].count("B") - 1 == 2
    assert rows[4][48] == "B"
    lay_letters(canvas, 0, 0, [("A", "#111111", np.zeros((8, 60), dtype=np.int64))])
    assert [strip.text for strip in canvas.strips()] == rows


async def test_runs_without_colours_are_told_apart_by_letters_in_chart_legend_and_list(make, monkeypatch):
    for bare in (True, False):
        monkeypatch.setenv("NO_COLOR", "1") if bare else monkeypatch.delenv("NO_COLOR", raising=False)
        runs = [make.source(make.sick_run()), make.source(make.healthy_run())]
        app = DoctorApp(runs, lambda _: make.sick_report(), interval=3600.0, now=lambda: make.now)
        async with app.run_test(size=(160, 45)) as pilot:
            await make.settled(pilot)
            chart = [app.board.loss.render_line(y).text for y in range(app.board.loss.size.height)]
            assert bool(re.search("A run-2-epoch-0 .* B 2026-11-23-demo", chart[0])) == bare
            assert bool(re.search("[⠀-⣿]A", "".join(chart[2:]))) == bare
            assert ("B" in "".join(chart[2:])) == bare
            await pilot.press("8")
            await pilot.pause()
            assert ("▶ A run-2" in make.shown(app)) == bare
            await pilot.press("down", "enter", "1")  # the other comes to the front and keeps its letter
            await make.settled(pilot)
            assert ("B 2026-11-23-demo" in app.board.loss.render_line(0).text) == bare
