"""The chart widget: a plot, a cursor, a scale."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sad_doctor.finding import Level
from sad_doctor.views.tui.plot import Frame, Ink, Plot, is_log, paint


class Chart(Widget, can_focus=True):
    """Shows a :class:`Plot`; repaints only when the plot, the size or the theme changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "cursor(-1)", "Cursor", show=False),
        Binding("right", "cursor(1)", "Cursor", show=False),
        Binding("shift+left", "cursor(-10)", "Cursor", show=False),
        Binding("shift+right", "cursor(10)", "Cursor", show=False),
        Binding("home", "cursor(-100000)", "First step", show=False),
        Binding("end", "cursor(100000)", "Last step", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--axis",
        "chart--grid",
        "chart--label",
        "chart--text",
        "chart--nan",
        "chart--cursor",
        "chart--error",
        "chart--warning",
        "chart--info",
    }

    class CursorMoved(Message):
        """The cursor stands on another step."""

        def __init__(self, step: float | None) -> None:
            super().__init__()
            self.step = step

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = title
        self.plot = Plot()
        self._strips: list[Strip] = []
        self._painted: object = None
        self._frame: Frame | None = None

    def show(self, plot: Plot, title: str | None = None) -> None:
        """Show another plot; the scale that the user chose and the cursor stay."""
        self.title = title or self.title
        self.plot = replace(plot, log=self.plot.log, cursor=self.plot.cursor)
        self._changed()

    @property
    def logarithmic(self) -> bool:
        """Whether the value axis is logarithmic now."""
        return is_log(self.plot)

    def toggle_log(self) -> None:
        """Change between the linear and the logarithmic scale."""
        self.plot = replace(self.plot, log=not self.logarithmic)
        self._changed()

    def point_at(self, step: float | None) -> None:
        """Put the cursor on a step; None takes it away."""
        if step != self.plot.cursor:
            self.plot = replace(self.plot, cursor=step)
            self._changed()

    def render_line(self, y: int) -> Strip:
        """Return a painted row."""
        size = self.size
        key = (self.plot, size, self.app.theme, self.rich_style)
        if key != self._painted:
            canvas, self._frame = paint(max(size.width, 1), max(size.height, 1), self.plot, self._ink())
            self._strips, self._painted = canvas.strips(), key
        return self._strips[y] if y < len(self._strips) else Strip.blank(size.width)

    def action_cursor(self, cells: int) -> None:
        """Move the cursor by some cells, to the nearest logged step."""
        if self._frame is None or not self.plot.drawn:
            return
        frame = self._frame
        here = None if self.plot.cursor is None else frame.column(self.plot.cursor)
        at = (frame.x + frame.width - 1 if here is None else here) + (cells if here is not None else min(cells, 0))
        self._point_at_cell(min(max(at, frame.x), frame.x + frame.width - 1))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and self._frame is not None and self.plot.drawn and offset.x >= self._frame.x:
            self._point_at_cell(offset.x)

    def _point_at_cell(self, column: int) -> None:
        assert self._frame is not None
        frame = self._frame
        ends = {frame.x: frame.window.left, frame.x + frame.width - 1: frame.window.right}
        wanted = ends.get(column, frame.step(column))
        steps = np.concatenate([s.column.step[np.isfinite(s.column.step)] for s in self.plot.drawn])
        nearest = float(steps[np.argmin(np.abs(steps - wanted))]) if steps.size else wanted
        exact = frame.column(nearest) == column
        self.post_message(self.CursorMoved(nearest if exact else wanted))

    def _changed(self) -> None:
        self.border_title = Content(self.title)
        self.border_subtitle = "log scale" if self.plot.drawn and self.logarithmic else None
        self.refresh()

    def _ink(self) -> Ink:
        def part(name: str) -> Style:
            return self.get_component_rich_style(f"chart--{name}", partial=True)

        levels = {Level.ERROR: part("error"), Level.WARNING: part("warning"), Level.INFO: part("info")}
        return Ink(
            base=Style(bgcolor=self.rich_style.bgcolor),
            axis=part("axis"),
            grid=part("grid"),
            label=part("label"),
            text=part("text"),
            nan=part("nan"),
            cursor=part("cursor"),
            levels=levels,
        )
