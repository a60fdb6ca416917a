from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

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
