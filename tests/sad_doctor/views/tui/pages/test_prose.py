from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from sad_doctor.views.tui.pages.prose import BLANK, Paragraph, inline, lay_out, section, wrap


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


@given(st.lists(st.text("abc—", min_size=1, max_size=12)), st.integers(4, 30))
def test_words_are_wrapped_as_textual_wraps_them(words, width):
    text = Content(" ".join(words))
    lines = [line.plain for line in wrap(text, width)]
    assert lines == [line.plain.rstrip() for line in text.wrap(width)] or max(map(len, words)) > width
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "") == "".join(words)


def test_styles_and_wide_characters_survive_the_wrapping():
    text = Content.styled("one two", "bold") + Content(" three")
    first, second = wrap(text, 8)
    assert (first.plain, second.plain) == ("one two", "three")
    assert [(first.plain[s.start : s.end], s.style) for s in first.spans] == [("one two", "bold")]
    assert all(line.cell_length <= 5 for line in wrap(Content("表表表表 表"), 5))
    assert [line.plain for line in wrap(Content("a\nb"), 5)] == ["a", "b"]
    assert [line.plain for line in wrap(Content(""), 5)] == [""]


def test_a_section_has_a_heading_and_a_paragraph_for_each_text_that_says_something():
    found = [one.plain for one in lay_out(section("Read", ["one `code`", " ", "two"], bullet="• "), 30)]

    assert found == ["", "Read", "  • one code", "  • two"]
    assert section("Read", ["", " "]) == []
