"""Lines of which some are in view: what lists, pages and the log share."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from sad_doctor.views.tui.painting.lazy_strip import LazyStrip
from sad_doctor.views.tui.painting.painted_widget import Framed

BAR = 1
"""Cells at the right that are kept for the bar."""


class Scrolled(Framed):
    """Scrolls over lines that it paints itself, its bar with them.

    To Textual a bar is a widget, and another number of lines is another layout of the whole screen: both take longer
    than to paint the lines.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._barred: dict[int, tuple[Strip, bool, Strip]] = {}
        self._dragged = False
        self._frame: tuple[int, range] | None = None
        self._blank: Strip | None = None

    def extend(self, lines: int, wide: int = 0) -> None:
        """Say how many lines there are, and how wide the widest is; the place stays as far as it can."""
        if Size(wide, lines) != self.virtual_size:
            self.set_reactive(Widget.virtual_size, Size(wide, lines))
            self.refresh()
        if self.scroll_y > self.max_scroll_y:
            self.to(self.max_scroll_y)

    def to(self, line: float) -> None:
        """Bring a line to the top, as far as there are lines below it."""
        self.scroll_to(y=min(max(line, 0), self.max_scroll_y), animate=False, force=True, immediate=True)

    @property
    def top(self) -> int:
        """The first line in view."""
        return round(self.scroll_y)

    @property
    def allow_vertical_scroll(self) -> bool:
        """Whether there is more than is in view."""
        return self.max_scroll_y > 0

    @property
    def allow_horizontal_scroll(self) -> bool:
        """Whether there is more than is in view."""
        return self.max_scroll_x > 0

    @property
    def room(self) -> int:
        """Cells of a line."""
        return self._frame[0] if self._frame is not None else max(self.size.width - BAR, 1)

    @property
    def blank_line(self) -> Strip:
        """A line with nothing on it: the same strip until width or colours change."""
        if self._blank is None or self._blank.cell_length != self.room:
            self._blank = Strip.blank(self.room, self.rich_style)
        return self._blank

    def paint_line(self, y: int) -> Strip:
        """Return what is to be seen in a row, of :attr:`room` cells."""
        raise NotImplementedError

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows of a region; what is the same for all of them is worked out once."""
        self._frame = self.room, self._thumb
        try:
            return super().render_lines(crop)
        finally:
            self._frame = None

    def render_line(self, y: int) -> Strip:
        """Return a row with its piece of the bar."""
        line, on = self.paint_line(y), y in (self._frame[1] if self._frame is not None else self._thumb)
        known = self._barred.get(y)
        if known is None or known[0] is not line or known[1] is not on:
            style = self.visual_style + Style.parse("$scrollbar")
            known = (line, on, LazyStrip([*line, Segment("▐" if on else " ", style.rich_style)], self.room + BAR))
            self._barred[y] = known
        return known[2]

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._barred, self._blank = {}, None
        super().notify_style_update()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to drag the bar."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.x >= self.room and self._thumb:
            self._dragged = True
            self.capture_mouse()
            self._drag(offset.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the bar."""
        if self._dragged:
            self._drag(event.get_content_offset_capture(self).y)

    def on_mouse_up(self) -> None:
        """Leave the bar where it is."""
        if self._dragged:
            self._dragged = False
            self.release_mouse()

    def _drag(self, y: int) -> None:
        self.to(round(y / max(self.size.height - 1, 1) * self.max_scroll_y))

    @property
    def _thumb(self) -> range:
        """The rows that the bar covers; none where all is in view."""
        view, most = self.size.height, self.max_scroll_y
        if most <= 0 or view <= 0:
            return range(0)
        length = max(view * view // (view + most), 1)
        start = round(self.scroll_y / most * (view - length))
        return range(start, start + length)
