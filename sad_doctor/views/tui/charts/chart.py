"""The chart widget: a plot, a cursor, a scale, a window on the steps."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from sad_doctor.finding import Level
from sad_doctor.views import axis
from sad_doctor.views.tui.charts.decimation import Decimator
from sad_doctor.views.tui.charts.inked import Inked
from sad_doctor.views.tui.charts.letters import lettered
from sad_doctor.views.tui.charts.plot import Frame, Ink, Plot, is_log, overlay, scene, telling_step
from sad_doctor.views.tui.painting.canvas import Canvas
from sad_doctor.views.tui.painting.ink import pen
from sad_doctor.views.tui.painting.painted_widget import Framed

_WHEEL = 0.8
"""Factor of the window's width for one turn of the wheel."""
_DRAGGED = 2
"""Cells that the mouse must move for a range rather than a click."""


class Chart(Inked, Framed, can_focus=True):
    """Shows a :class:`Plot`; repaints only when the plot, the size or the theme changed.

    What is painted was thinned to the width first: no key costs more because the run is long.
    """

    lit_within = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "cursor(-1)", "Cursor", show=False),
        Binding("right", "cursor(1)", "Cursor", show=False),
        Binding("shift+left", "cursor(-10)", "Cursor", show=False),
        Binding("shift+right", "cursor(10)", "Cursor", show=False),
        Binding("home", "cursor(-100000)", "First step", show=False),
        Binding("end", "cursor(100000)", "Last step", show=False),
        Binding("up,k", "window(0.5)", "Closer", show=False),
        Binding("down,j", "window(2)", "Farther", show=False),
    ]

    class CursorMoved(Message):
        """The cursor stands on another step."""

        def __init__(self, step: float | None) -> None:
            super().__init__()
            self.step = step

    class Zoomed(Message):
        """Another window is wanted: ``factor`` times as wide about a step, moved by a share, or from step to step."""

        def __init__(
            self, factor: float = 1.0, at: float | None = None, by: float = 0.0, span: tuple[float, float] | None = None
        ) -> None:
            super().__init__()
            self.factor, self.at, self.by, self.span = factor, at, by, span

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = title
        self.plot = Plot()
        self.cursor: float | None = None
        self.smoothing = 0.0
        self.zoomed = False
        self.decimator = Decimator()
        self._drag: tuple[int, int] | None = None
        self._ranged = False
        self._scene: tuple[Canvas, Frame, Plot] | None = None
        self._strips: list[Strip] = []
        self._bare: list[Strip] = []
        self._scene_key: object = None
        self._spare: tuple[object, tuple[Canvas, Frame, Plot] | None, list[Strip]] | None = None
        self._strips_key: object = None

    def show(self, plot: Plot, title: str | None = None) -> None:
        """Show another plot; the scale that the user chose and the cursor stay."""
        self.title = title or self.title
        self.plot = replace(plot, log=self.plot.log, series=lettered(plot.series, self.app.no_color))
        self._changed()

    @property
    def logarithmic(self) -> bool:
        """Whether the value axis is logarithmic now."""
        return is_log(self.decimator.whole(self.plot))

    def toggle_log(self) -> None:
        """Change between the linear and the logarithmic scale."""
        self.plot = replace(self.plot, log=not self.logarithmic)
        self._changed()

    def smooth(self, share: float) -> None:
        """Smooth the lines by this share of the steps in view; 0 shows them as they are."""
        self.smoothing = share
        self._changed()

    def prepare(self, width: int) -> None:
        """Thin the plot as for a canvas of ``width`` cells: the first time the whole history is gone through."""
        if self.plot.drawn:
            self.decimator.thin(replace(self.plot, log=self.logarithmic), max(width, 1), self.smoothing, "#808080")

    def point_at(self, step: float | None) -> None:
        """Put the cursor on a step; None takes it away."""
        if step != self.cursor:
            before, self.cursor = self.cursor, step
            self.refresh(*self._cells_of(before, step))

    def _cells_of(self, *cursors: float | None) -> list[Region]:
        """The cells that change with the cursor: its column, before and now, and the legend; none stands for all."""
        if self._scene is None or self._drag is not None:
            return []
        frame = self._scene[1]
        columns = {column for one in cursors if one is not None and (column := frame.column(one)) is not None}
        top = Region(0, 0, self.size.width, max(frame.y, 1))
        return [top, *(Region(column, frame.y, 1, frame.height) for column in sorted(columns))]

    def notify_style_update(self) -> None:
        """Forget the styles, which have changed, and all that was painted in them."""
        self._spare = self._scene_key = self._strips_key = None
        self._strips, self._bare = [], []
        super().notify_style_update()

    def rows(self) -> list[Strip]:
        """Return the painted rows."""
        key = (self.plot, self.smoothing, self.size, self.app.theme)
        if (key, self.cursor, self._drag) != self._strips_key:
            ink = self.ink()
            bare, frame, plot = self._painted(key, ink)
            values = self.decimator.values(plot, self.cursor)
            cursor, edge = _ends(plot, frame, self._drag) if self._drag else (self.cursor, None)
            overlay(canvas := bare.copy(), frame, plot, ink, cursor, values, edge)
            changed = canvas.differs(bare)
            self._strips, self._strips_key = list(self._bare), (key, self.cursor, self._drag)
            for row, strip in zip(changed, canvas.strips(changed), strict=True):
                self._strips[row] = strip
        return self._strips

    def _painted(self, key: object, ink: Ink) -> tuple[Canvas, Frame, Plot]:
        """Return the scene; a cursor that moves does not paint it anew."""
        if self._scene is None or key != self._scene_key:
            before = self._scene_key, self._scene, self._bare
            if self._spare is not None and self._spare[0] == key:  # a pane that was alone, and is not
                self._scene_key, self._scene, self._bare = self._spare
                self._spare = before
                assert self._scene is not None
                return self._scene
            self._spare = before
            width, height = max(self.size.width, 1), max(self.size.height, 1)
            ghost = ink.ghost.color.name if ink.ghost.color else "#808080"
            plot = self.decimator.thin(replace(self.plot, log=self.logarithmic), width, self.smoothing, ghost)
            self._scene, self._scene_key = (*scene(width, height, plot, ink), plot), key
            self._bare = self._scene[0].strips()
        return self._scene

    def action_cursor(self, cells: int) -> None:
        """Move the cursor by some cells; in each it stands on the step that tells most. At an edge the window moves."""
        if self._scene is None or not self._scene[2].drawn:
            return
        frame = self._scene[1]
        here = None if self.cursor is None else frame.column(self.cursor)
        at = (frame.x + frame.width - 1 if here is None else here) + (cells if here is not None else min(cells, 0))
        last = frame.x + frame.width - 1
        if not frame.x <= at <= last:
            self.post_message(self.Zoomed(by=max(-1.0, min(1.0, cells / frame.width))))
        self._point_at_cell(min(max(at, frame.x), last), frame)

    def action_window(self, factor: float) -> None:
        """Look closer or from farther away, about the cursor where there is one."""
        self.post_message(self.Zoomed(factor, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse clicked; two clicks show all steps."""
        column = self._column(event)
        if self._ranged:  # the mouse was released at the end of a range
            self._ranged = False
        elif event.chain == 2:
            self.post_message(self.Zoomed(float("inf")))
        elif column is not None and self._scene is not None:
            self._point_at_cell(column, self._scene[1])

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look closer at what is under the mouse; with shift, move to the left."""
        self._wheel(event, _WHEEL, -0.1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look from farther away; with shift, move to the right."""
        self._wheel(event, 1 / _WHEEL, 0.1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Move to the left."""
        self._wheel(event, 1.0, -0.1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Move to the right."""
        self._wheel(event, 1.0, 0.1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a range."""
        column = self._column(event)
        if column is not None and event.button == 1:
            self._drag = (column, column)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw the range."""
        if self._drag is not None and self._scene is not None:
            frame = self._scene[1]
            offset = event.get_content_offset_capture(self)
            self._drag = (self._drag[0], min(max(offset.x, frame.x), frame.x + frame.width - 1))
            self.refresh()

    def on_mouse_up(self, _: events.MouseUp) -> None:
        """Show the range that was drawn."""
        if self._drag is not None and self._scene is not None:
            (a, b), self._drag = sorted(self._drag), None
            self.release_mouse()
            self._ranged = b - a >= _DRAGGED
            if self._ranged:
                frame = self._scene[1]
                self.post_message(self.Zoomed(span=(frame.step(a), frame.step(b))))
            self.refresh()

    def _wheel(self, event: events.MouseEvent, factor: float, by: float) -> None:
        column = self._column(event)
        if column is None or self._scene is None:
            return
        event.stop()
        pans = event.shift or factor == 1.0
        self.post_message(self.Zoomed(by=by) if pans else self.Zoomed(factor, self._scene[1].step(column)))

    def _column(self, event: events.MouseEvent) -> int | None:
        """The canvas column under the mouse, where there is a plot."""
        offset = event.get_content_offset(self)
        drawn = self._scene is not None and bool(self._scene[2].drawn)
        if offset is None or self._scene is None or not drawn or offset.x < self._scene[1].x:
            return None
        return offset.x

    def _point_at_cell(self, column: int, frame: Frame) -> None:
        assert self._scene is not None
        ends = {frame.x: frame.window.left, frame.x + frame.width - 1: frame.window.right}
        self.post_message(self.CursorMoved(ends.get(column, telling_step(self._scene[2], frame, column))))

    def _changed(self) -> None:
        self.border_title = Content(self.title)
        said = ["zoomed, 0 shows all"] if self.zoomed else []
        said += ["log scale"] if self.plot.drawn and self.logarithmic else []
        said += [f"smoothed by {self.smoothing:.1%}"] if self.smoothing and self.plot.drawn else []
        self.border_subtitle = Content(" · ".join(said)) if said else None
        self.refresh()

    def mixed(self) -> Ink:
        """Return the styles of a chart."""
        return Ink(
            base=Style(bgcolor=self.rich_style.bgcolor),
            axis=pen(self, "$border-blurred"),
            grid=pen(self, "$grid"),
            label=pen(self, "$text-muted"),
            text=pen(self, "bold $foreground"),
            nan=pen(self, "$error"),
            cursor=pen(self, "$accent"),
            levels={
                Level.ERROR: pen(self, "bold $error"),
                Level.WARNING: pen(self, "bold $warning"),
                Level.INFO: pen(self, "bold $accent"),
            },
            ghost=pen(self, "$ghost"),
        )


def _ends(plot: Plot, frame: Frame, columns: tuple[int, int]) -> tuple[float, float]:
    """The steps where a range begins and ends, whole ones where steps are counted."""
    first, last = (frame.step(x) for x in columns)
    return (float(round(first)), float(round(last))) if axis.between(s.column for s in plot.drawn) else (first, last)
