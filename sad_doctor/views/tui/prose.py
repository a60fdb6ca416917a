"""Paragraphs with hanging indents, wrapped to the width of their pane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

_CODE = re.compile(r"`([^`]+)`")


def inline(text: str) -> Content:
    """Return ``text`` with what stands between backticks in the colour of code; nothing else in it is read."""
    pieces = enumerate(_CODE.split(text))
    return Content("").join([Content.styled(p, "$accent" if n % 2 else "$foreground") for n, p in pieces])


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text after ``bullet`` (content of ours); the lines that follow stand under the text, not under the bullet.

    ``most`` cuts what would take more lines; 0 is no limit.
    """

    text: Content
    bullet: Content = Content("")  # noqa: RUF009 - content is immutable
    most: int = 0


Page = Sequence[Paragraph]
BLANK = Paragraph(Content(""))


def lay_out(page: Page, width: int) -> list[Content]:
    """Return the lines of a page, each at most ``width`` cells."""
    lines: list[Content] = []
    for paragraph in page:
        indent = paragraph.bullet.cell_length
        bullet = paragraph.bullet
        room = max(width - indent, 4)
        # to wrap costs much more than to see that there is nothing to wrap
        short = paragraph.text.cell_length <= room and "\n" not in paragraph.text.plain
        wrapped = [paragraph.text.rstrip()] if short else paragraph.text.wrap(room) or [Content("")]
        if 0 < paragraph.most < len(wrapped):
            last = wrapped[paragraph.most - 1].rstrip().truncate(room - 1) + "…"
            wrapped = [*wrapped[: paragraph.most - 1], last]
        for line in wrapped:
            lines.append((bullet + line).truncate(width))
            bullet = Content.blank(indent) if indent else Content("")
    return lines
