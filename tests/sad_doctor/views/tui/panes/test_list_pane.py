from __future__ import annotations

from textual.app import App
from textual.content import Content

from sad_doctor.views.tui import theme
from sad_doctor.views.tui.pages.prose import Paragraph
from sad_doctor.views.tui.panes.list_pane import ListPane


class Alone(App):
    """A list of rows of one to three lines, and what it said."""

    CSS = "ListPane { height: 10; }"

    def __init__(self, rows=30, head=None):
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = "doctor-dark"
        self.shown_list, self.said, self.rows = ListPane(), [], rows
        self.shown_list.head = head

    def compose(self):
        yield self.shown_list

    def on_mount(self):
        self.shown_list.fill(
            [[Paragraph(Content(f"row {n} {k}")) for k in range(n % 3 + 1)] for n in range(self.rows)], 0
        )
        self.shown_list.focus()

    def on_list_pane_moved(self, event):
        self.said.append(("moved", event.list_pane.highlighted))

    def on_list_pane_picked(self, event):
        self.said.append(("picked", event.list_pane.highlighted))


def in_view(shown_list):
    return [shown_list.render_line(y).text[:-1].strip() for y in range(shown_list.size.height)]


async def test_the_highlighted_row_is_always_in_view_as_a_whole():
    app = Alone()
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        assert in_view(app.shown_list)[:3] == ["row 0 0", "row 1 0", "row 1 1"]
        for key, at in (("down", 1), ("j", 2), ("up", 1), ("end", 29), ("k", 28), ("home", 0), ("up", 0)):
            await pilot.press(key)
            await pilot.pause()
            assert app.shown_list.highlighted == at
            shown = in_view(app.shown_list)
            assert {f"row {at} {k}" for k in range(at % 3 + 1)} <= set(shown)
        assert [at for _, at in app.said] == [1, 2, 1, 29, 28, 0]
        await pilot.press("pagedown")
        assert app.shown_list.highlighted == 5  # nine lines on
        await pilot.press("pageup", "enter")
        await pilot.pause()
        assert app.said[-1] == ("picked", 0)


async def test_a_click_goes_to_the_row_under_the_mouse_a_second_opens_it_and_a_head_is_none():
    app = Alone(head=Content("head"))
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        shown = in_view(app.shown_list)
        assert shown[0] == "head"
        await pilot.click(ListPane, offset=(3, 0))
        assert ("picked", 29) not in app.said
        for said in ("moved", "picked"):
            await pilot.click(ListPane, offset=(3, 4))
            await pilot.pause()
            assert app.said[-1] == (said, int(shown[4].split()[1]))
        await pilot.hover(ListPane, offset=(3, 2))
        await pilot.pause()
        grounds = {next(iter(app.shown_list.render_line(y))).style.bgcolor for y in range(1, 10)}
        assert len(grounds) == 3  # highlighted, under the mouse, all others
        await pilot.hover(offset=(3, 15))
        await pilot.pause()
        assert len({next(iter(app.shown_list.render_line(y))).style.bgcolor for y in range(1, 10)}) == 2


async def test_no_rows_and_fewer_rows():
    app = Alone(rows=0)
    async with app.run_test(size=(40, 20)) as pilot:
        await pilot.press("down", "enter", "end", "pagedown")
        await pilot.pause()
        assert app.shown_list.highlighted is None
        assert app.said == []
        assert in_view(app.shown_list) == [""] * 10
        app.shown_list.fill([[Paragraph(Content("one"))]], 5)
        assert app.shown_list.highlighted == 0
        await pilot.pause()
        assert in_view(app.shown_list)[0] == "one"
