"""Paragraphs with hanging indents, wrapped to the width of their pane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from sad_doctor.views.tui.ink import strip
from sad_doctor.views.tui.painted import Framed

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


@lru_cache(maxsize=64)
def _blank(width: int, style: Style) -> Strip:
    return Strip.blank(width, style)


class Prose(Widget):
    """Shows a page."""

    DEFAULT_CSS = "Prose { height: auto; width: 1fr; }"

    def __init__(self, page: Page = ()) -> None:
        super().__init__()
        self.page = page
        self._laid: tuple[Page, int, list[Content]] = ((), 0, [])
        self._strips: dict[int, Strip] = {}

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

    def render_line(self, y: int) -> Strip:
        """Return a line of the page: of a long page, those in view are painted and no others."""
        if self.text_selection is not None:  # Textual knows how to show it
            return super().render_line(y)
        width = self.content_size.width
        lines = self._lines(width)
        if y >= len(lines):
            return Strip.blank(width, self.rich_style)
        if y not in self._strips:
            self._strips[y] = strip(lines[y], width, self.visual_style).apply_offsets(0, y)
        return self._strips[y]

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._strips.clear()
        super().notify_style_update()

    def _lines(self, width: int) -> list[Content]:
        """The lines; they are asked for several times a frame, and wrapped once."""
        if self._laid[0] is not self.page or self._laid[1] != width:
            self._laid = (self.page, width, lay_out(self.page, max(width, 1)))
            self._strips.clear()
        return self._laid[2]


class Pane(Framed, VerticalScroll, can_focus=True):
    """A page that scrolls."""

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = Content(title)
        self.prose = Prose()

    def compose(self) -> ComposeResult:
        """Yield the page."""
        yield self.prose

    def render_line(self, y: int) -> Strip:  # noqa: ARG002
        """Return what lies under the page."""
        return _blank(self.size.width, self.rich_style)

    def show(self, page: Page) -> None:
        """Show another page from its top; the same page keeps its place."""
        if page != self.prose.page:
            self.prose.show(page)
            self.scroll_home(animate=False)
