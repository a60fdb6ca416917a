from __future__ import annotations

from textual.app import App
from textual.content import Content
from textual.geometry import Offset
from textual.selection import Selection

from sad_doctor.views.tui import theme
from sad_doctor.views.tui.pages.prose import Paragraph
from sad_doctor.views.tui.panes import pane
from sad_doctor.views.tui.panes.pane import Pane


async def test_a_page_is_wrapped_once_for_each_width(make, monkeypatch):
    wrapped, lay_out = [], pane.lay_out
    monkeypatch.setattr(pane, "lay_out", lambda page, width: (wrapped.append(width), lay_out(page, width))[1])
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    app.prerenderer.begin = lambda *_: None
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        shown = app.board.detail
        before = len(wrapped)
        assert before > 0
        shown.refresh(layout=True)
        await pilot.pause()
        assert len(wrapped) == before
        shown.show([Paragraph(Content("another page"))])
        await pilot.pause()
        assert "another page" in make.shown(app)
        assert len(wrapped) == before + 1


async def test_of_a_long_page_the_lines_in_view_are_painted(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        shown = app.board.detail
        shown.show([Paragraph(Content(f"line {n}")) for n in range(1000)])
        await pilot.pause()
        height = shown.size.height
        assert len(shown._strips) == height
        shown.focus()
        await pilot.press("end")
        await pilot.pause(0.3)
        assert shown.scroll_y == 1000 - height
        assert "line 999" in make.shown(app)
        shown.show([Paragraph(Content("short"))])
        await pilot.pause()
        assert shown.scroll_y == 0


async def test_text_can_be_selected(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        shown = app.board.detail
        shown.show([Paragraph(Content("one")), Paragraph(Content("two three"))])
        await pilot.pause()
        app.screen.selections = {shown: Selection(Offset(1, 0), Offset(3, 1))}
        await pilot.pause()
        assert app.screen.get_selected_text() == "ne\ntwo"
        assert [s.text for s in shown.render_line(1) if s.style.reverse] == ["two"]
        app.screen.clear_selection()
        await pilot.pause()
        assert not any(s.style.reverse for s in shown.render_line(1))


async def test_the_mouse_selects_what_it_is_drawn_over(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        shown = app.board.detail
        shown.show([Paragraph(Content("one")), Paragraph(Content("two three"))])
        await pilot.pause()
        await pilot.hover(shown, offset=(4, 1))
        await pilot.pause()
        await pilot.mouse_down(shown, offset=(3, 1))
        await pilot.hover(shown, offset=(4, 2))
        await pilot.mouse_up(shown, offset=(4, 2))
        await pilot.pause()
        assert app.screen.get_selected_text() == "ne\ntwo"


class Alone(App):
    CSS = "Pane { height: 4; border: none; }"

    def __init__(self):
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = "doctor-dark"
        self.view = Pane("title")

    def compose(self):
        yield self.view


async def test_in_a_narrower_terminal_the_end_can_still_be_reached():
    app = Alone()
    async with app.run_test(size=(80, 12)) as pilot:
        app.view.show([Paragraph(Content("word " * 30 + "last"))])
        await pilot.resize_terminal(20, 12)
        await pilot.pause()
        app.view.focus()
        await pilot.press("end")
        await pilot.pause()
        assert "last" in app.view.render_line(app.view.size.height - 1).text


async def test_the_recipe_has_columns_on_a_wide_screen_alone(make):
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    tops = []
    for size in ((200, 50), (80, 24)):
        async with app.run_test(size=size) as pilot:
            await make.settled(pilot)
            await pilot.press("7")
            await pilot.pause()
            tops.append(app.recipe._lines()[0].plain.split())
        app, _ = make.dashboard(make.sick_run(), make.sick_report())
    wide, narrow = tops
    assert wide[: len(narrow)] == narrow
    assert len(wide) > len(narrow)
