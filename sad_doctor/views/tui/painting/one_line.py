"""A widget of one line: painted once for each look, however often it comes back."""

from __future__ import annotations

from textual.content import Content
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from sad_doctor.views.tui.painting.ink import strip

_KEPT = 32
"""Looks that are remembered: a line has one for each place of the focus."""


class OneLine(Widget):
    """Shows the content that :meth:`line` gives, which must be the same object where nothing has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._painted: dict[tuple[int, int, Style], tuple[Content, Strip]] = {}

    def line(self) -> Content:
        """Return what is to be seen."""
        raise NotImplementedError

    def render(self) -> Content:
        """Return the line."""
        return self.line()

    def render_line(self, y: int) -> Strip:
        """Return the line as a strip; rows under it are blank."""
        told = self.line() if y == 0 else Content("")
        key = (id(told), self.content_size.width, self.visual_style)
        known = self._painted.get(key)
        if known is None or known[0] is not told:
            if len(self._painted) >= _KEPT:
                self._painted.clear()
            known = self._painted[key] = (told, strip(told, key[1], key[2]))
        return known[1]

    def notify_style_update(self) -> None:
        """Forget what was painted: colours have changed."""
        self._painted.clear()
        super().notify_style_update()
