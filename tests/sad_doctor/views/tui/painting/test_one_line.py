from __future__ import annotations

from textual.app import App
from textual.content import Content
from textual.selection import SELECT_ALL
from textual.theme import Theme

from sad_doctor.views.tui.painting import one_line


class Told(one_line.OneLine):
    DEFAULT_CSS = "Told { height: 2; width: 12; }"
    content = Content.styled("one", "bold red")

    def line(self):
        return self.content


class Shown(App[None]):
    def compose(self):
        self.told = Told()
        yield self.told


async def test_the_line_is_painted_once_and_the_row_under_it_is_blank(monkeypatch):
    app, painted, strip = Shown(), [], one_line.strip
    monkeypatch.setattr(one_line, "strip", lambda *told: (painted.append(told[0].plain), strip(*told))[1])
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        assert [app.told.render_line(y).text for y in (0, 1)] == ["one         ", " " * 12]
        assert app.told.get_selection(SELECT_ALL) == ("one", "\n")
        painted.clear()
        app.told.render_line(0)
        assert painted == []
        app.told.content = Content("another")
        assert app.told.render_line(0).text == "another     "
        assert painted == ["another"]


async def test_colours_that_change_are_painted_anew():
    app = Shown()
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        before = [segment.style for segment in app.told.render_line(0)]
        app.told.styles.background = "blue"
        await pilot.pause()
        assert [segment.style for segment in app.told.render_line(0)] != before
        assert app.told.render_line(0).text == "one         "


async def test_a_colour_of_the_theme_alone_is_painted_anew():
    app = Shown()
    async with app.run_test(size=(20, 4)) as pilot:
        app.told.content = Content.styled("one", "$accent")
        seen = []
        for accent in ("#406080", "#804060"):
            app.register_theme(Theme(accent, primary="#102030", background="#000000", accent=accent))
            app.theme = accent
            await pilot.pause()
            seen.append(next(iter(app.told.render_line(0))).style.color.name)
        assert len(set(seen)) == 2


async def test_it_forgets_before_it_remembers_too_much():
    app = Shown()
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        for number in range(3 * one_line._KEPT):
            app.told.content = Content(str(number))
            assert app.told.render_line(0).text.strip() == str(number)
        assert len(app.told._painted) <= one_line._KEPT
