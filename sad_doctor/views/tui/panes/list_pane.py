"""A list of rows of several lines, one of them highlighted: lays out and paints what is in view."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.style import Style

from sad_doctor.views.tui.pages.prose import Page, lay_out
from sad_doctor.views.tui.painting.ink import strip
from sad_doctor.views.tui.panes.scrolled import BAR, Scrolled

_FAR = 1 << 30


class ListPane(Scrolled, can_focus=True):
    """Shows pages below each other; ``head`` is a line that stays above them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"cursor({-_FAR})", "First", show=False),
        Binding("end", f"cursor({_FAR})", "Last", show=False),
        Binding("enter", "pick", "Open", show=False),
    ]

    class Moved(Message):
        """Another row is highlighted."""

        def __init__(self, list_pane: ListPane) -> None:
            super().__init__()
            self.list_pane = list_pane

    class Picked(Message):
        """Enter was pressed on the highlighted row, or it was clicked once more."""

        def __init__(self, list_pane: ListPane) -> None:
            super().__init__()
            self.list_pane = list_pane

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.head: Content | None = None
        self.pages: Sequence[Page] = ()
        self._at: int | None = None
        self._under: int | None = None
        self._width = 0
        self._lines: list[list[Content]] = []
        self._starts: list[int] = [0]
        self._owners: list[int] = []
        self._strips: dict[tuple[int, str], list[Strip]] = {}

    @property
    def highlighted(self) -> int | None:
        """The number of the highlighted row; None where there are no rows."""
        return self._at

    @highlighted.setter
    def highlighted(self, at: int | None) -> None:
        self._go(at)

    def fill(self, pages: Sequence[Page], at: int | None = None) -> None:
        """Show other rows, the one at ``at`` highlighted; nobody is told that it moved."""
        before = len(self._owners)
        self.pages, self._width, self._under = pages, 0, None
        self._at = None if at is None or not pages else min(max(at, 0), len(pages) - 1)
        self._strips, self._lines, self._starts, self._owners = {}, [], [0], []
        self._fit()
        self.refresh(layout=len(self._owners) != before)

    def prepare(self, width: int, rows: int) -> None:
        """Lay out the rows and paint the first as they will be shown in so many cells; nothing while they are shown."""
        if not self.size.width and width > BAR + 2:
            self._fit(width - BAR - 2)
            for row in dict.fromkeys(self._owners[:rows]):
                self._painted(row, "lit" if row == self._at else "", True, width - BAR)

    def on_resize(self, _: events.Resize) -> None:
        """Lay the rows out anew, if there is another width to lay them out to."""
        self._fit()
        self._reveal()

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._strips.clear()
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return the lines of all rows at a width."""
        self._fit(width - BAR - 2)
        return len(self._owners) + self._heads

    def paint_line(self, y: int) -> Strip:
        """Return a painted line of a row, the head, or a blank line."""
        width = self.room
        line = self.top + y - self._heads
        if y < self._heads and self.head is not None:
            return strip(Content(" ") + self.head, width, self.visual_style)
        if line >= len(self._owners):
            return self.blank_line
        row = self._owners[line]
        state = "lit" if row == self._at else ("under" if row == self._under else "")
        return self._painted(row, state, self.has_focus, width)[line - self._starts[row]]

    def _painted(self, row: int, state: str, focused: bool, width: int) -> list[Strip]:
        painted = self._strips.get((row, key := f"{state} {focused} {width}"))
        if painted is None:
            base = self.visual_style + self._ground(state, focused)
            painted = self._strips[row, key] = [strip(Content(" ") + one, width, base) for one in self._lines[row]]
        return painted

    def row_under(self, event: events.MouseEvent) -> int | None:
        """Return the number of the row under the mouse."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._heads or offset.x >= self.room:
            return None
        line = self.top + offset.y - self._heads
        return self._owners[line] if line < len(self._owners) else None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Mark the row under the mouse."""
        self._hover(self.row_under(event))

    def on_leave(self, _: events.Leave) -> None:
        """The mouse has gone."""
        self._hover(None)

    def on_click(self, event: events.Click) -> None:
        """Highlight the row under the mouse; open it where it was highlighted, so that one can look before."""
        row, before = self.row_under(event), self._at
        if row is not None:
            self._go(row)
            if row == before:
                self.action_pick()

    def action_cursor(self, by: int) -> None:
        """Highlight the row that comes so many later, at most the last."""
        if self.pages:
            self._go(min(max((self._at or 0) + by, 0), len(self.pages) - 1))

    def action_page(self, by: int) -> None:
        """Highlight the row that lies a page away."""
        if self._at is not None and self._owners:
            line = self._starts[self._at] + by * max(self.size.height - self._heads - 1, 1)
            self._go(self._owners[min(max(line, 0), len(self._owners) - 1)])

    def action_pick(self) -> None:
        """Open the highlighted row."""
        if self._at is not None:
            self.post_message(self.Picked(self))

    @property
    def _heads(self) -> int:
        return int(self.head is not None)

    def _ground(self, state: str, focused: bool) -> Style:
        if state == "lit":
            return Style.parse(f"on $block-cursor-{'' if focused else 'blurred-'}background")
        return Style.parse("on $block-hover-background") if state else Style.null()

    def _go(self, at: int | None) -> None:
        at = None if at is None or not self.pages else min(max(at, 0), len(self.pages) - 1)
        if at == self._at:
            return
        self._repaint(self._at, at)
        self._at = at
        self._reveal()
        if at is not None:
            self.post_message(self.Moved(self))

    def _hover(self, row: int | None) -> None:
        if row != self._under:
            self._repaint(self._under, row)
            self._under = row

    def _repaint(self, *rows: int | None) -> None:
        """Paint these rows anew and no other."""
        top = self.top - self._heads
        regions = [
            Region(0, self._starts[row] - top, self.size.width, len(self._lines[row]))
            for row in rows
            if row is not None and row < len(self._lines)
        ]
        if regions:
            self.refresh(*regions)

    def _reveal(self) -> None:
        """Scroll as little as possible to show the highlighted row."""
        view = self.size.height - self._heads
        if self._at is None or view <= 0 or self._at >= len(self._lines):
            return
        top, end = self._starts[self._at], self._starts[self._at] + len(self._lines[self._at])
        if top < self.scroll_y:
            self.to(top)
        elif end > self.scroll_y + view:
            self.to(min(end - view, top))

    def _fit(self, width: int = 0) -> None:
        """Lay the rows out to a width, that of the widget for 0."""
        width = width or (self.room - 2 if self.size.width else 0)
        if width > 0 and width != self._width:  # nobody knows how wide it will be while it is not shown
            self._width = width
            self._strips.clear()
            self._lines = [lay_out(page, width) for page in self.pages]
            self._starts = [0, *accumulate(map(len, self._lines))]
            self._owners = [row for row, lines in enumerate(self._lines) for _ in lines]
            self.extend(len(self._owners) + self._heads)
