"""Paragraphs with hanging indents, wrapped to the width of their pane."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest

from textual.content import Content

from sad_doctor.sealed import sealed
from sad_doctor.views.plain import line

_CODE = re.compile(r"`([^`]+)`")


def inline(text: str) -> Content:
    """Return ``text`` with what stands between backticks in the colour of code; nothing else in it is read."""
    pieces = enumerate(_CODE.split(text))
    return Content("").join([Content.styled(p, "$accent" if n % 2 else "$foreground") for n, p in pieces])


@sealed
class Paragraph:
    """Text after ``bullet`` (content of ours); the lines that follow stand under the text, not under the bullet.

    ``most`` cuts what would take more lines; 0 is no limit.
    """

    text: Content
    bullet: Content = Content("")
    most: int = 0


Page = Sequence[Paragraph]
KeyedPage = tuple[str, Page]
"""A row of a list: what it is called among the others, and what is to be seen of it."""
BLANK = Paragraph(Content(""))
_GAP = 4
"""Cells between two columns."""
_EVEN = 8
"""Lines below which neither a column nor the beginning of a part at its foot is worth it."""


def title(text: str) -> list[Paragraph]:
    """Return the title of a page."""
    return [Paragraph(Content.styled(text, "bold $foreground"))]


def section(heading: str, texts: Iterable[str], bullet: str = "") -> list[Paragraph]:
    """Return a heading with a paragraph for each text; nothing where all are empty."""
    found = [Paragraph(inline(line(t)), Content.styled("  " + bullet, "$text-muted")) for t in texts if t.strip()]
    return [BLANK, Paragraph(Content.styled(heading, "bold $accent")), *found] if found else []


def lay_out(page: Page, width: int) -> list[Content]:
    """Return the lines of a page, each at most ``width`` cells."""
    lines: list[Content] = []
    for paragraph in page:
        indent = paragraph.bullet.cell_length
        bullet = paragraph.bullet
        room = max(width - indent, 4)
        wrapped = wrap(paragraph.text, room)
        if 0 < paragraph.most < len(wrapped):
            last = wrapped[paragraph.most - 1].rstrip().truncate(room - 1) + "…"
            wrapped = [*wrapped[: paragraph.most - 1], last]
        for one in wrapped:
            lines.append((bullet + one).truncate(width))
            bullet = Content.blank(indent) if indent else Content("")
    return lines


def lay_out_in_columns(page: Page, width: int, column: int) -> list[Content]:
    """Return the lines of a page in as many columns of at least ``column`` cells as fit, as even as its parts allow.

    What stands between two blank lines stays together unless it is longer than a column, in the order of a newspaper.
    """
    parts = [[*part] for blank, part in groupby(page, BLANK.__eq__) if not blank]
    count = (width + _GAP) // (column + _GAP)
    room = (width + _GAP) // max(count, 1) - _GAP
    laid = [lay_out(part, room) for part in parts]
    whole = sum(map(len, laid)) + len(laid)
    if count < 2 or whole < _EVEN:
        return lay_out(page, width)
    filled = next(f for rows in range(max(whole // count, _EVEN), whole + 1) if len(f := _filled(laid, rows)) <= count)
    rows = zip_longest(*filled, fillvalue=Content(""))
    return [Content(" " * _GAP).join([cell.pad_right(room - cell.cell_length) for cell in row]) for row in rows]


def _filled(parts: Sequence[list[Content]], rows: int) -> list[list[Content]]:
    """Columns of at most so many lines, each taken up until the next part does not fit."""
    columns: list[list[Content]] = [[]]
    for part in parts:
        rest = part
        while rest:
            free = rows - len(columns[-1]) - bool(columns[-1])
            if columns[-1] and free < (len(part) if len(part) <= rows else _EVEN):
                columns.append([])
                continue
            columns[-1] += [*([Content("")] if columns[-1] else []), *rest[:free]]
            rest = rest[free:]
    return columns


def wrap(text: Content, width: int) -> list[Content]:
    """Return text in lines of at most ``width`` cells, broken at spaces where there are any; at least one line."""
    plain = text.plain
    if "\n" in plain or text.cell_length != len(plain):
        return text.wrap(width) or [Content("")]
    # one character a cell: Textual's own way takes five times as long
    at, breaks = 0, []
    while len(plain) - at > width:
        space = plain.rfind(" ", at + 1, at + width + 1)
        at = at + width if space < 0 else space + 1
        breaks.append(at)
    return [piece.rstrip() for piece in text.divide(breaks)] if breaks else [text.rstrip()]
