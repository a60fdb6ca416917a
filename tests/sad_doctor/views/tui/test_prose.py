from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from sad_doctor.views.tui import prose
from sad_doctor.views.tui.prose import BLANK, Paragraph, inline, lay_out


@given(st.text(), st.integers(1, 60))
def test_no_line_is_wider_than_the_page(text, width):
    for line in lay_out([Paragraph(Content(text), Content("  • "))], width):
        assert line.cell_length <= width


def test_lines_hang_under_the_text_not_under_the_bullet():
    page = [Paragraph(Content("one two three four"), Content(" • ")), BLANK, Paragraph(Content("end"))]
    assert [line.plain.rstrip() for line in lay_out(page, 12)] == [" • one two", "   three", "   four", "", "end"]


def test_code_loses_its_backticks_and_gets_a_colour():
    content = inline("run `sad verify` [now]")
    assert content.plain == "run sad verify [now]"
    assert [content.plain[s.start : s.end] for s in content.spans if s.style == "$accent"] == ["sad verify"]


def test_what_takes_too_many_lines_is_cut():
    page = [Paragraph(Content("one two three four five"), Content("• "), most=2)]
    assert [line.plain for line in lay_out(page, 10)] == ["• one two", "  three…"]


async def test_a_page_is_wrapped_once_for_each_width(make, monkeypatch):
    wrapped = []
    monkeypatch.setattr(
        prose, "lay_out", lambda page, width: (wrapped.append((id(page), width)), lay_out(page, width))[1]
    )
    app, _ = make.dashboard(make.sick_run(), make.sick_report())
    async with app.run_test(size=(160, 45)) as pilot:
        await make.settled(pilot)
        shown = app.board.detail.prose
        before = len(wrapped)
        assert before > 0
        shown.refresh(layout=True)
        await pilot.pause()
        assert len(wrapped) == before
        shown.show([Paragraph(Content("another page"))])
        await pilot.pause()
        assert "another page" in make.shown(app)
