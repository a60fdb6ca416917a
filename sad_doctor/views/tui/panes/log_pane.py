"""The pane of the log's text: follows its end unless one has scrolled away from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.strip import Strip

from sad_doctor import words
from sad_doctor.sanitize import sanitize
from sad_doctor.views.tui.pages.finding_rows import matches
from sad_doctor.views.tui.painting.canvas import Canvas
from sad_doctor.views.tui.painting.ink import pen
from sad_doctor.views.tui.panes.log_text import LogText
from sad_doctor.views.tui.panes.scrolled import BAR, Scrolled

_BAD = re.compile(r"\b(error|exception|traceback|fatal|killed|nan|inf|out of memory)\b|Error\b", re.IGNORECASE)
_ODD = re.compile(r"\b(warn(ing)?|overflow|skipp\w+|retry\w*)\b", re.IGNORECASE)
_MOST_PAINTED = 2000
"""Painted lines that are kept."""


class LogPane(Scrolled, can_focus=True):
    """Shows lines; only those in view are painted, however many there are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("h", "scroll_left", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.add_class("pane", update=False)
        self.border_title = Content("Log")
        self._log = LogText()
        self._stale, self._ending = False, True
        self._kept: tuple[str, ...] = ()
        self._strips: dict[tuple[str, int], Strip] = {}
        self.shown: Sequence[str] = ()
        self.wanted = ""

    def show(self, path: Path, tail: Sequence[str]) -> None:
        """Show the end of the log at ``path``; where that is no text, the lines that its reader kept."""
        new = self._log.read(path)
        kept = tuple(sanitize(one, 500).replace("\n", " ") for one in tail)
        if new or kept != self._kept or self._stale:
            self._kept = kept
            self._fill()

    def prepare(self, width: int, rows: int) -> None:
        """Paint the last lines as they will be shown in so many cells; nothing while they are shown."""
        if not self.size.width and width > BAR:
            for one in self.shown[-rows:]:
                self._painted(one, 0, width - BAR)

    def narrow(self, wanted: str) -> None:
        """Show only lines that hold every word of ``wanted``; while nobody sees them, :meth:`show` does it later."""
        if wanted != self.wanted:
            self.wanted, self._stale = wanted, True
            if self.display:
                self._fill()

    def _fill(self) -> None:
        self._stale = False
        ending = self._ending
        lines = self._log.lines or self._kept
        self.shown = [one for one in lines if matches(self.wanted, one)] if self.wanted else list(lines)
        widest = max(map(len, self.shown), default=0) + 1 + BAR
        self.extend(len(self.shown), widest)
        name = self._log.path.name if self._log.path and self._log.lines else ""
        self.border_title = Content(f"Log  {sanitize(name, 60)}".rstrip())
        told = words.counted(len(self.shown), "line") + (", filtered" if self.wanted else "")
        self.border_subtitle = Content(("← → long lines   " if widest > self.app.size.width else "") + told)
        self.refresh()
        if ending:
            self._ending = True
            self.to(self.max_scroll_y)

    def on_resize(self) -> None:
        """Go on showing the end, which now lies elsewhere."""
        if self._ending:
            self.to(self.max_scroll_y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Remember whether one has left the end."""
        super().watch_scroll_y(old_value, new_value)
        self._ending = new_value >= self.max_scroll_y - 1

    def paint_line(self, y: int) -> Strip:
        """Return a line of the log, or a blank one."""
        x, at = self.scroll_offset.x, self.scroll_offset.y + y
        width = self.room
        if at >= len(self.shown):
            text = "the log holds no text" if not self.shown and y == 0 else ""
            style = Style(bgcolor=self.rich_style.bgcolor) + pen(self, "$foreground")
            return Strip([Segment(text[:width].ljust(width), style)], width)
        return self._painted(self.shown[at], x, width)

    def _painted(self, whole: str, x: int, width: int) -> Strip:
        text = whole[x:]
        if (text, width) not in self._strips:
            if len(self._strips) > _MOST_PAINTED:
                self._strips.clear()
            colour = "$error" if _BAD.search(whole) else ("$warning" if _ODD.search(whole) else "")
            canvas = Canvas(width, 1, Style(bgcolor=self.rich_style.bgcolor))
            canvas.write(0, 0, text, pen(self, colour or "$foreground"))
            self._strips[text, width] = canvas.strips()[0]
        return self._strips[text, width]

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._strips.clear()
        super().notify_style_update()
