"""A page that scrolls: of a long one, the lines in view are painted and no others."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from sad_doctor.views.tui.pages.prose import Page, lay_out, lay_out_in_columns
from sad_doctor.views.tui.painting.ink import strip
from sad_doctor.views.tui.panes.scrolled import BAR, Scrolled

_MARGIN = 1
"""Cells that stay free at the right."""


class Pane(Scrolled, can_focus=True):
    """Shows a page, in columns of at least ``column`` cells where there is room for several; 0 is one column."""

    lit_within = False

    def __init__(self, title: str, *, id: str | None = None, column: int = 0) -> None:
        super().__init__(id=id)
        self._column = column
        self.border_title = Content(title)
        self.page: Page = ()
        self._laid: tuple[Page, int, list[Content]] = ((), 0, [])
        self._strips: dict[int, Strip] = {}
        self._pointed = False

    def show(self, page: Page) -> None:
        """Show another page from its top; the same page keeps its place."""
        if page != self.page:
            self.page = page
            self._fit()
            self.to(0)
            self.refresh(layout=bool(self.styles.height and self.styles.height.is_auto))

    def prepare(self, width: int, rows: int) -> None:
        """Lay out and paint the first rows as they will be shown in so many cells; nothing while they are shown."""
        if not self.size.width and width > BAR:
            lines = self._lines(width - BAR - _MARGIN)
            # what is known before it is shown is not painted again when the widget learns its size
            self.extend(len(lines))
            for at, line in enumerate(lines[:rows]):
                self._strips[at] = strip(line, width - BAR, self.visual_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return how many lines the page takes at this width."""
        lines = len(self._lines(width - BAR - _MARGIN))
        if not self.size.width:  # it is painted once it is laid out, and need not be a second time for this number
            self.set_reactive(Widget.virtual_size, Size(0, lines))
        return max(lines, 1)

    def on_resize(self) -> None:
        """Wrap the page to the new width."""
        self._fit()

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._strips.clear()
        super().notify_style_update()

    def paint_line(self, y: int) -> Strip:
        """Return a line of the page, or a blank one."""
        at = self.top + y
        lines = self._lines()
        if at >= len(lines):
            return self.blank_line
        if self.text_selection is not None:
            return self._painted(self._selected(lines[at], at), at)
        if at not in self._strips:
            self._strips[at] = self._painted(lines[at], at)
        return self._strips[at]

    def on_enter(self) -> None:
        """The mouse has come, which may select text: from now on each piece tells where it stands."""
        if not self._pointed:
            self._pointed = True
            self._strips.clear()
            self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text that the mouse has selected."""
        return selection.extract("\n".join(line.plain for line in self._lines())), "\n"

    def _selected(self, line: Content, at: int) -> Content:
        span = self.text_selection.get_span(at) if self.text_selection is not None else None
        if span is None:
            return line
        start, end = span
        return line.stylize("reverse", start, len(line) if end == -1 else end)

    def _painted(self, line: Content, at: int) -> Strip:
        made = strip(line, self.room, self.visual_style)
        return made.apply_offsets(0, at) if self._pointed else made

    def _fit(self) -> None:
        if self.size.width:  # nobody knows how wide it will be while it is not shown
            self.extend(len(self._lines()))

    def _lines(self, width: int = 0) -> list[Content]:
        """The lines at a width, that of the widget for 0; they are asked for again and again, and wrapped once."""
        width = width or self.room - _MARGIN
        if self._laid[0] is not self.page or self._laid[1] != width:
            room = max(width, 1)
            lines = lay_out_in_columns(self.page, room, self._column) if self._column else lay_out(self.page, room)
            self._laid = (self.page, width, lines)
            self._strips.clear()
        return self._laid[2]
