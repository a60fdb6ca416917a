"""The chart widget: a plot, a cursor, a scale."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from sad_doctor.finding import Level
from sad_doctor.views.tui.canvas import Canvas
from sad_doctor.views.tui.plot import Frame, Ink, Plot, is_log, overlay, scene, telling_step


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
        self.cursor: float | None = None
        self._scene: tuple[Canvas, Frame] | None = None
        self._strips: list[Strip] = []
        self._scene_key: object = None
        self._strips_key: object = None

    def show(self, plot: Plot, title: str | None = None) -> None:
        """Show another plot; the scale that the user chose and the cursor stay."""
        self.title = title or self.title
        self.plot = replace(plot, log=self.plot.log)
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
        if step != self.cursor:
            self.cursor = step
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return a painted row."""
        key = (self.plot, self.size, self.app.theme, self.rich_style)
        if (key, self.cursor) != self._strips_key:
            ink = self._ink()
            canvas, frame = self._painted(key, ink)
            overlay(canvas := canvas.copy(), frame, self.plot, ink, self.cursor)
            self._strips, self._strips_key = canvas.strips(), (key, self.cursor)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _painted(self, key: object, ink: Ink) -> tuple[Canvas, Frame]:
        """Return the scene; a cursor that moves does not paint it anew."""
        if self._scene is None or key != self._scene_key:
            self._scene = scene(max(self.size.width, 1), max(self.size.height, 1), self.plot, ink)
            self._scene_key = key
        return self._scene

    def action_cursor(self, cells: int) -> None:
        """Move the cursor by some cells; in each it stands on the step that tells most."""
        if self._scene is None or not self.plot.drawn:
            return
        frame = self._scene[1]
        here = None if self.cursor is None else frame.column(self.cursor)
        at = (frame.x + frame.width - 1 if here is None else here) + (cells if here is not None else min(cells, 0))
        self._point_at_cell(min(max(at, frame.x), frame.x + frame.width - 1), frame)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse clicked."""
        offset = event.get_content_offset(self)
        if offset is not None and self._scene is not None and self.plot.drawn and offset.x >= self._scene[1].x:
            self._point_at_cell(offset.x, self._scene[1])

    def _point_at_cell(self, column: int, frame: Frame) -> None:
        ends = {frame.x: frame.window.left, frame.x + frame.width - 1: frame.window.right}
        self.post_message(self.CursorMoved(ends.get(column, telling_step(self.plot, frame, column))))

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
