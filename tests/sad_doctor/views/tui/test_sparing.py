"""What is written for a key, and that no more was needed: a terminal of our own shows what Textual has composed."""

from __future__ import annotations

import random
import re

import pytest
from rich.cells import cell_len

_PIECE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([0-9;]*)m|([^\x1b])")
KEYS = (
    *("1", "left", "left", "plus", "shift+left", "minus", "s", "l", "m", "tab", "tab", "3", "4", "down", "up", "right"),
    *("5", "down", "6", "7", "1", "z", "z", "question_mark", "escape", "slash", "a", "backspace", "escape", "2", "0"),
)


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


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (220, 60)])
async def test_the_terminal_shows_what_was_composed_after_each_key(make, terminal, size):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=size) as pilot:
        await make.settled(pilot)
        await pilot.pause()
        screen = terminal(app)
        for key in KEYS:
            await pilot.press(key)
            await pilot.pause()
            assert screen.text == make.shown(app), key
            whole = Terminal(app)
            whole.fill(app)
            assert screen.looks == whole.looks, key


@pytest.mark.parametrize("seed", range(2))
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
            whole = Terminal(app)
            whole.fill(app)
            assert screen.looks == whole.looks, (app.size, keys)


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
