"""What is written for a key, and that no more was needed: a terminal of our own shows what Textual has composed."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

_PIECE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[0-9;]*m|([^\x1b])")
KEYS = (
    *("1", "left", "left", "plus", "shift+left", "minus", "s", "l", "m", "tab", "tab", "3", "4", "down", "up", "right"),
    *("5", "down", "6", "7", "1", "z", "z", "question_mark", "escape", "slash", "a", "backspace", "escape", "2", "0"),
)


class Terminal:
    """Rows of cells, as a terminal has them; a wide character fills two."""

    def __init__(self, app):
        self.rows = [[" "] * app.size.width for _ in range(app.size.height)]
        self.cells = 0

    def write(self, told):
        x = y = 0
        for down, right, char in _PIECE.findall(told):
            if down:
                x, y = int(right) - 1, int(down) - 1
            elif char and char != "\n":
                self.rows[y][x] = char
                self.cells += 1
                if cell_len(char) == 2:
                    self.rows[y][x + 1] = ""
                x += cell_len(char)

    @property
    def text(self):
        return "\n".join("".join(row) for row in self.rows)


@pytest.fixture
def terminal(monkeypatch):
    """Fill a terminal with all that an app displays."""

    def of(app):
        screen = Terminal(app)
        screen.write("".join(f"\x1b[{y + 1};1H{s.text}" for y, s in enumerate(app.screen._compositor.render_strips())))
        screen.cells = 0
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
        assert {app.tabs, app.keys} <= set(asked) <= {app.tabs, app.keys, app.board}


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
