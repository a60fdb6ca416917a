from __future__ import annotations

from textual.app import App
from textual.strip import Strip

from sad_doctor.views.tui import theme
from sad_doctor.views.tui.panes.scrolled import Scrolled


class Numbers(Scrolled, can_focus=True):
    def paint_line(self, y):
        return Strip.blank(self.room) if self.top + y > 99 else Strip([]).adjust_cell_length(self.room)


class Alone(App):
    CSS = "Numbers { height: 10; }"

    def __init__(self):
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = "doctor-dark"
        self.animation_level = "none"
        self.view = Numbers()

    def compose(self):
        yield self.view


def bar(view):
    return "".join(view.render_line(y).text[-1] for y in range(view.size.height))


async def test_the_bar_shows_where_one_is():
    app = Alone()
    async with app.run_test(size=(30, 20)) as pilot:
        view = app.view
        assert bar(view) == " " * 10
        view.extend(100)
        assert bar(view) == "▐" + " " * 9
        view.focus()
        for key, top in (("down", 1), ("pagedown", 11), ("end", 90), ("pageup", 80), ("home", 0), ("up", 0)):
            await pilot.press(key)
            await pilot.pause()
            assert view.top == top
        await pilot.press("end")
        await pilot.pause()
        assert bar(view) == " " * 9 + "▐"
        view.extend(20)
        assert view.top == 10
        assert bar(view) == " " * 5 + "▐" * 5
        view.extend(5)
        assert (view.top, bar(view)) == (0, " " * 10)
        assert not view.allow_vertical_scroll


async def test_the_bar_can_be_dragged_and_the_wheel_turned():
    app = Alone()
    async with app.run_test(size=(30, 20)) as pilot:
        view = app.view
        view.extend(100)
        await pilot.mouse_down(view, offset=(29, 0))
        await pilot.hover(view, offset=(29, 9))
        assert view.top == 90
        await pilot.mouse_up(view, offset=(29, 9))
        await pilot.hover(view, offset=(29, 0))
        assert view.top == 90
        await pilot.mouse_down(view, offset=(5, 0))  # beside the bar
        await pilot.hover(view, offset=(5, 1))
        await pilot.mouse_up(view, offset=(5, 1))
        assert view.top == 90


async def test_the_bar_has_the_colour_of_the_theme_beside_a_line_that_is_the_same(monkeypatch):
    app = Alone()
    async with app.run_test(size=(30, 20)) as pilot:
        app.view.extend(100)
        kept = Strip.blank(app.view.room)
        monkeypatch.setattr(app.view, "paint_line", lambda _: kept)
        seen = []
        for name in ("doctor-dark", "doctor-light"):
            app.register_theme(theme.LIGHT)
            app.theme = name
            await pilot.pause()
            seen.append(list(app.view.render_line(0))[-1].style.color.name)
        assert seen == [theme.DARK.variables["scrollbar"], theme.LIGHT.variables["scrollbar"]]


async def test_what_is_wider_than_the_view_scrolls_to_the_right():
    app = Alone()
    async with app.run_test(size=(30, 20)) as pilot:
        app.view.extend(5, 100)
        app.view.focus()
        await pilot.press("right", "right")
        await pilot.pause()
        assert app.view.scroll_x == 2
        app.view.extend(5, 20)
        await pilot.press("left", "right")
        assert not app.view.allow_horizontal_scroll
