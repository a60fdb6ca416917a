"""What is written for a key, and that no more was needed: a terminal of our own shows what is painted from nothing."""

from __future__ import annotations

import copy
import random
import re
from contextlib import contextmanager

import pytest
from rich.cells import cell_len
from textual.strip import Strip

from sad_doctor.views.tui.charts.chart import Chart
from sad_doctor.views.tui.charts.shares import Bands
from sad_doctor.views.tui.painting.one_line import OneLine
from sad_doctor.views.tui.painting.painted_widget import Edged
from sad_doctor.views.tui.panes.list_pane import ListPane
from sad_doctor.views.tui.panes.pane import Pane
from sad_doctor.views.tui.panes.scrolled import Scrolled

_PIECE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([0-9;]*)m|([^\x1b])")
KEYS = (
    *("1", "left", "left", "plus", "shift+left", "minus", "s", "l", "m", "tab", "tab", "3", "4", "down", "up", "right"),
    *("5", "down", "6", "7", "1", "z", "z", "question_mark", "escape", "slash", "a", "backspace", "escape", "2", "0"),
)


@contextmanager
def forgotten(app):
    """Let every widget forget what it has painted; afterwards it has again what it had, so that nothing is mended."""
    kept = []
    for widget in app.screen.walk_children():
        before = {}
        for name, value in vars(widget).items():
            before[name] = copy.copy(value) if isinstance(value, dict | list | set) else value
        kept.append((widget, before))
        widget._styles_cache = type(widget._styles_cache)()
        widget._render_cache = widget._render_cache._replace(lines=[])
        widget.notify_style_update()
        widget._set_dirty()
        held = [name for name, value in vars(widget).items() if _holds_rows(value)]
        assert not held, f"{widget} keeps rows when it is told to forget them: {held}"
    try:
        yield
    finally:
        for widget, before in kept:
            vars(widget).clear()
            vars(widget).update(before)


def _holds_rows(value):
    if isinstance(value, dict):
        return any(map(_holds_rows, value.values()))
    return isinstance(value, Strip) or (isinstance(value, list | tuple) and any(map(_holds_rows, value)))


def afresh(app):
    """A terminal with all that the widgets would paint if they had painted nothing yet."""
    whole = Terminal(app)
    with forgotten(app):
        whole.fill(app)
    return whole


class Terminal:
    """Rows of cells, as a terminal has them, and how each looks; a wide character fills two."""

    def __init__(self, app):
        self.cells = 0
        self.resize(*app.size)

    def resize(self, width, height):
        self.rows = [[" "] * width for _ in range(height)]
        self.styles = [[""] * width for _ in range(height)]

    def fill(self, app):
        """Write all that is composed."""
        strips = app.screen._compositor.render_strips()
        self.write("".join(f"\x1b[{y + 1};1H{strip.render(app.console)}" for y, strip in enumerate(strips)))
        self.cells = 0

    def write(self, told):
        x = y = 0
        style = ""
        for down, right, look, char in _PIECE.findall(told):
            if not (down or char):
                style = look
            elif down:
                x, y = int(right) - 1, int(down) - 1
            elif char != "\n":
                for cell in [char, ""][: cell_len(char)]:
                    # what was composed for a larger terminal than this one is now is lost beyond its edges
                    if y < len(self.rows) and x < len(self.rows[y]):
                        self.rows[y][x], self.styles[y][x] = cell, style
                    x += 1
                self.cells += 1

    @property
    def text(self):
        return "\n".join("".join(row) for row in self.rows)

    @property
    def looks(self):
        """The characters with their styles; the colour of a blank's letter is not to be seen."""
        cells = [zip(*row, strict=True) for row in zip(self.rows, self.styles, strict=True)]
        return [[(char, _behind(style) if char in " " else style) for char, style in row] for row in cells]


def _behind(style):
    return [part for part in style.split(";") if part.startswith(("4", "10"))]


@pytest.fixture
def terminal(monkeypatch):
    """Fill a terminal with all that an app displays."""

    def of(app):
        screen = Terminal(app)
        screen.fill(app)
        before = app._display

        def display(stage, update):
            if update is not None:
                screen.write(update.render_segments(app.console))
            before(stage, update)

        monkeypatch.setattr(app, "_display", display)
        return screen

    return of


@pytest.mark.parametrize("size", [(80, 24), (120, 40), pytest.param((220, 60), marks=pytest.mark.thorough)])
async def test_the_terminal_shows_what_was_composed_after_each_key(make, terminal, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await pilot.pause()
        screen = terminal(app)
        for key in KEYS:
            await pilot.press(key)
            await pilot.pause()
            whole = afresh(app)
            assert screen.text == whole.text, key
            assert screen.looks == whole.looks, key


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
async def test_the_terminal_shows_what_was_composed_however_fast_the_keys_and_whatever_its_size(make, terminal, seed):
    app, source = make.dashboard(make.healthy_run(), make.healthy_report())
    chance = random.Random(seed)
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        screen = terminal(app)
        for _ in range(25):
            size = chance.choice([(220, 60), (80, 24), (30, 8), (8, 3), (1, 1)])
            if size != app.size and chance.random() < 0.2:
                screen.resize(*size)
                await pilot.resize_terminal(*size)
            elif chance.random() < 0.2:
                source.grow(make.healthy_run(500))
                app.tick()
            keys = chance.choices(KEYS, k=chance.randint(1, 5))
            await pilot.press(*keys)
            await make.settled(pilot)
            await pilot.pause(0.1)
            assert screen.looks == afresh(app).looks, (app.size, keys)


def _kept_by(key):
    """A way to paint that asks what the widget would ask, and gives what it gave the first time for a key."""

    def planted(before):
        known = {}
        return lambda self, *told: known.setdefault((id(self), *key(self, told)), before(self, *told))

    return planted


STALE = {
    "a list that keeps its rows whatever is highlighted": (ListPane, "_painted", lambda _, told: (told[0], told[3])),
    "a page that keeps its rows by their number": (Pane, "paint_line", lambda self, told: (told[0], self.size)),
    "a chart that does not see its cursor": (Chart, "rows", lambda self, _: (self.plot, self.size, self.smoothing)),
    "shares that do not see the steps in view": (Bands, "rows", lambda self, _: (self.size,)),
    "an edge without its title": (Edged, "_edge", lambda self, told: (told[0], self.size)),
    "a line of keys that stays": (OneLine, "render_line", lambda self, told: (told[0], self.size)),
    "a bar that stays": (Scrolled, "render_line", lambda self, told: (told[0], self.size)),
}
"""Whose rows are kept too long, and by what: the comparison with what is painted from nothing must see each."""


@pytest.mark.parametrize("what", STALE)
async def test_rows_that_are_kept_too_long_are_seen(make, terminal, monkeypatch, what):
    cls, name, key = STALE[what]
    true = getattr(cls, name)
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(120, 40)) as pilot:
        await make.settled(pilot)
        await pilot.pause()
        screen = terminal(app)
        monkeypatch.setattr(cls, name, _kept_by(key)(true))
        app.screen.refresh()
        for widget in app.screen.walk_children():
            widget.refresh()
        await pilot.pause()
        for pressed in ("4", "down", "1", "left", "left", "plus", "tab", "s"):
            await pilot.press(pressed)
            await pilot.pause()
            with monkeypatch.context() as sound:
                sound.setattr(cls, name, true)
                if screen.looks != afresh(app).looks:
                    return
        pytest.fail("nothing was seen")


async def test_a_cursor_that_moves_writes_columns_and_no_charts(make, terminal):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1", "left")
        await pilot.pause()
        screen = terminal(app)
        await pilot.press("left")
        await pilot.pause()
        assert 0 < screen.cells < 1500  # of 13,200; the charts and the bands have 7,000
        assert screen.text == make.shown(app)


async def test_a_widget_far_from_what_changed_is_not_asked(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        await pilot.pause()
        asked = []
        for widget in app.screen.walk_children():
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, w=widget, old=widget.render_lines: (asked.append(w), old(crop))[1]
            )
        app.tabs.refresh()  # the line at the top and the one at the bottom
        app.keys.refresh()
        await pilot.pause()
        # the clock of the head may tick meanwhile
        assert {app.tabs, app.keys} <= set(asked) <= {app.tabs, app.keys, app.board, app.header}


async def test_a_page_is_gone_though_somebody_looks_where_it_was_before_it_is_laid_out(make, terminal):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        screen = terminal(app)
        assert "Help" in screen.text
        app.sheet.close()
        # a widget that is not to be seen has news, and the mouse is asked what is under it
        compositor = app.screen._compositor
        compositor.update_widgets({app.runs})
        assert app.sheet not in compositor.full_map
        await pilot.pause()
        assert "Help" not in screen.text
        assert screen.text == make.shown(app)


async def test_what_lies_under_a_page_is_not_asked(make, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        asked = []
        for widget in app.board.panes:
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, w=widget, old=widget.render_lines: (asked.append(w), old(crop))[1]
            )
        app.sheet.refresh()  # as when it is scrolled
        await pilot.pause()
        assert asked == []


async def test_a_page_that_opens_is_painted_once_and_beside_it_what_lost_the_focus(make, terminal, monkeypatch):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    app.prerenderer.begin = lambda *_: None
    async with app.run_test(size=(220, 60)) as pilot:
        await make.settled(pilot)
        await pilot.press("1")
        await pilot.pause()
        screen, asked = terminal(app), []
        for widget in app.board.panes:
            monkeypatch.setattr(
                widget, "render_lines", lambda crop, w=widget, old=widget.render_lines: (asked.append(w), old(crop))[1]
            )
        await pilot.press("question_mark")
        await pilot.pause()
        assert asked == [app.board.loss]
        sheet = app.sheet.region
        assert sheet.area < screen.cells < sheet.area + 1100  # beside it the frame that lost the focus, keys and head
        assert screen.text == make.shown(app)
