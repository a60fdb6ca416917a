from __future__ import annotations

from textual.app import App
from textual.content import Content

from sad_doctor.views.tui import theme
from sad_doctor.views.tui.pages.prose import Paragraph
from sad_doctor.views.tui.panes.browser import Browser


class Alone(App):
    """A browser of letters, and what was opened."""

    def __init__(self):
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = "doctor-dark"
        self.browser, self.opened = Browser("Letters", "hint", lambda key: f"Page of {key}", id="letters"), []

    def compose(self):
        yield self.browser

    def on_browser_opened(self, event):
        self.opened.append(event.key)


def rows(keys):
    return [(key, [Paragraph(Content(f"row {key}"))]) for key in keys]


def page_of(key):
    return [Paragraph(Content(f"all of {key}"))]


def told(app):
    """The title and the first line of the page."""
    return str(app.browser.page.border_title), app.browser.page.render_line(0).text.strip(" ▐")


async def test_the_page_is_that_of_the_row_under_the_cursor(make):
    app = Alone()
    async with app.run_test(size=(60, 20)) as pilot:
        app.browser.show(rows("abc"), page_of)
        app.browser.list.focus()
        await pilot.pause()
        assert {"row a", "row b", "row c"} <= {word.strip() for word in make.shown(app).replace("│", "\n").split("\n")}
        assert told(app) == ("Page of a", "all of a")
        await pilot.press("down")
        await pilot.pause()
        assert told(app) == ("Page of b", "all of b")
        await pilot.press("enter")
        await pilot.pause()
        assert app.opened == ["b"]


async def test_the_highlighted_row_stays_so_while_others_come_and_go():
    app = Alone()
    async with app.run_test(size=(60, 20)) as pilot:
        browser = app.browser
        assert browser.key is None
        browser.show(rows("abc"), page_of)
        browser.list.focus()
        await pilot.press("end")
        browser.show(rows("zcba"), page_of)
        assert (browser.key, *told(app)) == ("c", "Page of c", "all of c")
        browser.show(rows("ab"), page_of)
        assert browser.key == "a"
        browser.show([], page_of)
        assert (browser.key, told(app)[1]) == (None, "")
