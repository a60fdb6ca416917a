from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from sad_doctor.views.tui.pages.prose import (
    BLANK,
    Paragraph,
    inline,
    lay_out,
    lay_out_in_columns,
    section,
    wrap,
)


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


def _parts(*lengths):
    return [
        one for n, many in enumerate(lengths) for one in (*(Paragraph(Content(f"{n}.{k}")) for k in range(many)), BLANK)
    ]


def test_a_wide_page_has_columns_whose_parts_stay_together():
    rows = [line.plain for line in lay_out_in_columns(_parts(5, 4, 6, 3), 44, 20)]

    assert [(row[:24].strip(), row[24:].strip()) for row in rows] == [
        ("0.0", "2.0"), ("0.1", "2.1"), ("0.2", "2.2"), ("0.3", "2.3"), ("0.4", "2.4"),
        ("", "2.5"), ("1.0", ""), ("1.1", "3.0"), ("1.2", "3.1"), ("1.3", "3.2"),
    ]  # fmt: skip
    assert lay_out_in_columns(_parts(5, 4, 6, 3), 43, 20) == lay_out(_parts(5, 4, 6, 3), 43)


def test_a_part_that_is_longer_than_a_column_is_cut():
    rows = [line.plain.split() for line in lay_out_in_columns(_parts(2, 30), 44, 20)]

    assert len(rows) == 17
    assert rows[0] == ["0.0", "1.14"]
    assert rows[-1] == ["1.13"]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.integers(10, 200), st.integers(4, 80))
def test_columns_show_every_line_once_and_none_is_wider_than_the_page(lengths, width, column):
    shown = lay_out_in_columns(_parts(*lengths), width, column)

    assert all(line.cell_length <= width for line in shown)
    words = [word for line in shown for word in line.plain.split()]
    assert sorted(words) == sorted(f"{n}.{k}" for n, many in enumerate(lengths) for k in range(many))
