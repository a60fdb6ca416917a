"""Paragraphs with hanging indents, wrapped to the width of their pane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

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
        wrapped = paragraph.text.wrap(max(width - indent, 4)) or [Content("")]
        if 0 < paragraph.most < len(wrapped):
            room = max(width - indent, 4) - 1
            wrapped = [*wrapped[: paragraph.most - 1], wrapped[paragraph.most - 1].rstrip().truncate(room) + "…"]
        for line in wrapped:
            lines.append((bullet + line).truncate(width))
            bullet = Content.blank(indent) if indent else Content("")
    return lines


class Prose(Widget):
    """Shows a page."""

    DEFAULT_CSS = "Prose { height: auto; width: 1fr; }"

    def __init__(self, page: Page = ()) -> None:
        super().__init__()
        self.page = page
        self._laid: tuple[Page, int, list[Content]] = ((), 0, [])

    def show(self, page: Page) -> None:
        """Show another page."""
        if page != self.page:
            self.page = page
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return how many lines the page takes at this width."""
        return max(len(self._lines(width)), 1)

    def render(self) -> Content:
        """Return the laid out lines."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        """The lines; they are asked for several times a frame, and wrapped once."""
        if self._laid[0] is not self.page or self._laid[1] != width:
            self._laid = (self.page, width, lay_out(self.page, max(width, 1)))
        return self._laid[2]


class Pane(VerticalScroll):
    """A page that scrolls."""

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = Content(title)
        self.prose = Prose()

    def compose(self) -> ComposeResult:
        """Yield the page."""
        yield self.prose

    def show(self, page: Page) -> None:
        """Show another page from its top; the same page keeps its place."""
        if page != self.prose.page:
            self.prose.show(page)
            self.scroll_home(animate=False)
