"""Paints a chart on a canvas: legend, labelled axes, braille lines, what is not a number, marks of findings, cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import numpy as np
from rich.style import Style

from sad_doctor.finding import Level
from sad_doctor.run import Column
from sad_doctor.sealed import sealed
from sad_doctor.views import axis, numerals
from sad_doctor.views.palette import GLYPHS
from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.legend import legend, wanted_rows
from sad_doctor.views.tui.charts.lines import lay_series
from sad_doctor.views.tui.charts.raster import Window
from sad_doctor.views.tui.charts.spacing import spaced
from sad_doctor.views.tui.painting.canvas import Canvas

_MARKED = "─" + "".join(GLYPHS.values())
"""What a mark on the axis may stand over."""
_ASIDE = 4
"""Cells that a mark may stand aside of its step where a label stands on the axis."""
_TALL = 11
"""Rows of a chart that has room for a legend of two."""


@sealed
class Mark:
    """The first step of a finding."""

    step: float
    level: Level


@sealed(eq=False)
class Plot:
    """All that a chart shows. ``log`` None lets the data decide; ``span`` are the steps of the selected finding.

    ``ghosts`` are drawn faintly under the series, as is what was smoothed; ``seams`` are steps at which a run resumed.
    """

    series: Sequence[Series] = ()
    marks: Sequence[Mark] = ()
    span: tuple[float, float] | None = None
    steps: tuple[float, float] | None = None
    log: bool | None = None
    empty: str = "nothing logged yet"
    ghosts: Sequence[Series] = ()
    seams: Sequence[float] = ()

    @property
    def drawn(self) -> tuple[Series, ...]:
        """The series with at least one point."""
        return tuple(s for s in self.series if len(s.column))

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the axes must hold: all points, of a level its last one."""
        every = (*self.drawn, *self.ghosts)
        return tuple(Column(s.column.step[-1:], s.column.value[-1:]) if s.kind == "level" else s.column for s in every)


@sealed
class Ink:
    """The styles of a chart."""

    base: Style
    axis: Style
    grid: Style
    label: Style
    text: Style
    nan: Style
    cursor: Style
    levels: dict[Level, Style]
    ghost: Style = field(default_factory=Style)


@sealed
class Frame:
    """Where the plot area lies on the canvas, in cells, and what it shows."""

    x: int
    y: int
    width: int
    height: int
    window: Window

    def column(self, step: float) -> int | None:
        """Return the canvas column of a step, None if it is not in view."""
        if not self.window.left <= step <= self.window.right:
            return None
        dot = raster.place_one(step, self.window.left, self.window.right, self.width * raster.ACROSS)
        return self.x + dot // raster.ACROSS

    def step(self, column: int) -> float:
        """Return the step in the middle of a canvas column."""
        share = (column - self.x + 0.5) / max(self.width, 1)
        return self.window.left + min(max(share, 0.0), 1.0) * (self.window.right - self.window.left)


def is_log(plot: Plot) -> bool:
    """Return whether the value axis is logarithmic: as told, else when the values span much.

    Never when no value is positive.
    """
    value = axis.values(plot.columns)
    if plot.log is None:
        return axis.wants_log(value)
    return plot.log and bool((value > 0).any())


def paint(width: int, height: int, plot: Plot, ink: Ink, cursor: float | None = None) -> tuple[Canvas, Frame]:
    """Return the painted canvas and the place of its plot area. Any size of at least one cell will do."""
    canvas, frame = scene(width, height, plot, ink)
    overlay(canvas, frame, plot, ink, cursor)
    return canvas, frame


def scene(width: int, height: int, plot: Plot, ink: Ink) -> tuple[Canvas, Frame]:
    """Return the chart without what depends on the cursor; its cost grows with the length of the series."""
    canvas = Canvas(width, height, ink.base)
    log = is_log(plot)
    left, right = plot.steps or axis.span(s.column for s in plot.drawn)
    head = (wanted_rows(width, plot) if height >= _TALL else 1) if height >= 5 else 0
    foot = 2 if height >= 10 else (1 if height >= 4 else 0)
    rows = height - head - foot
    known = axis.ends(axis.values(plot.columns), log) or axis.nothing(log)
    scale = spaced(*known, max(rows, 1), log)
    levels, labels = scale.levels, numerals.labels(scale.levels)
    gutter = max((len(t) for t in labels), default=0) + 1 if width >= 20 and plot.drawn else 0
    frame = Frame(gutter, head, max(width - gutter, 1), max(rows, 1), Window(left, right, scale.low, scale.high, log))
    if not plot.drawn:
        canvas.write(max(0, (width - len(plot.empty)) // 2), height // 2, plot.empty, ink.label)
        return canvas, frame
    if gutter:
        _value_axis(canvas, frame, levels, labels, ink)
    if foot:
        _step_axis(canvas, frame, foot, axis.between(s.column for s in plot.drawn), ink)
    for seam in plot.seams:
        if (x := frame.column(seam)) is not None:
            for y in range(frame.y, min(frame.y + frame.height, height)):
                canvas.put(x, y, "┊", ink.label)
    lay_series(canvas, frame, plot.ghosts, ink.nan)
    lay_series(canvas, frame, plot.drawn, ink.nan)
    _marks(canvas, frame, plot, foot, ink)
    return canvas, frame


def overlay(
    canvas: Canvas,
    frame: Frame,
    plot: Plot,
    ink: Ink,
    cursor: float | None,
    values: Sequence[float | None] | None = None,
    edge: float | None = None,
) -> None:
    """Paint the cursor and the legend over a scene; ``edge`` is a second line, where a range is being drawn.

    ``values`` are those of the drawn series at the cursor; None looks them up.
    """
    for line in (cursor, edge):
        if plot.drawn and line is not None and (x := frame.column(line)) is not None:
            for y in range(frame.y, min(frame.y + frame.height, canvas.height)):
                if chr(canvas.glyph[y, x]) in " ┈┊":
                    canvas.put(x, y, "│", ink.cursor)
    if plot.drawn and frame.y:
        if values is None:
            values = [value_at(s.column, None if s.kind == "level" else cursor) for s in plot.drawn]
        legend(canvas, frame, plot, ink, cursor, values)


def telling_step(plot: Plot, frame: Frame, column: int) -> float:
    """Return the step that a canvas column stands for: of the first series with points there, NaN or the largest value.

    The middle of the column if no series has a point there, the nearest whole step where steps are counted.
    """
    for series in plot.ghosts or plot.drawn:
        step, value = series.column.step, series.column.value
        cell = raster.place(step, frame.window.left, frame.window.right, frame.width * raster.ACROSS) // raster.ACROSS
        here = np.flatnonzero((cell == column - frame.x) & np.isfinite(step))
        if series.kind != "level" and here.size:
            return float(step[here[np.argmax(np.where(np.isnan(value[here]), np.inf, value[here]))]])
    middle = frame.step(column)
    return float(round(middle)) if axis.between(s.column for s in plot.ghosts or plot.drawn) else middle


def _value_axis(canvas: Canvas, frame: Frame, levels: Sequence[float], labels: list[str], ink: Ink) -> None:
    rows = min(frame.height, canvas.height - frame.y)
    canvas.lay(frame.x - 1, frame.y, np.full((rows, 1), ord("│"), dtype=np.int64), ink.axis)
    dots = raster.rows(np.array(levels), frame.window, frame.height * raster.DOWN)
    for dot, label in zip(dots.tolist(), labels, strict=True):
        y = frame.y + dot // raster.DOWN
        canvas.write(frame.x - 1 - len(label), y, label, ink.label)
        canvas.put(frame.x - 1, y, "┤", ink.axis)
        _row(canvas, frame.x, y, frame.width, "┈", ink.grid)


def _row(canvas: Canvas, x: int, y: int, width: int, glyph: str, style: Style) -> None:
    """Fill cells of one row that lie on the canvas with one character."""
    start, end = max(x, 0), min(x + width, canvas.width)
    if start < end and 0 <= y < canvas.height:
        canvas.lay(start, y, np.full((1, end - start), ord(glyph), dtype=np.int64), style)


def _step_axis(canvas: Canvas, frame: Frame, foot: int, least: float, ink: Ink) -> None:
    y = frame.y + frame.height
    canvas.put(frame.x - 1, y, "└", ink.axis)
    _row(canvas, frame.x, y, frame.width, "─", ink.axis)
    free = 0
    left, right = frame.window.left, frame.window.right
    ticks = axis.ticks(left, right, max(frame.width // 9, 1), least=least) or [left]
    for step, label in zip(ticks, numerals.labels(ticks), strict=True):
        column = frame.column(step)
        if column is None:
            continue
        start = min(max(column - len(label) // 2, 0), canvas.width - len(label))
        if start < free:
            continue
        if foot == 2:
            canvas.put(column, y, "┬", ink.axis)
        free = canvas.write(start, y + foot - 1, label, ink.label) + 1


def _marks(canvas: Canvas, frame: Frame, plot: Plot, foot: int, ink: Ink) -> None:
    y = frame.y + frame.height
    if plot.span and foot == 2:
        first, last = (min(max(s, frame.window.left), frame.window.right) for s in plot.span)
        start = frame.column(first) or 0
        _row(canvas, start, y, (frame.column(last) or 0) + 1 - start, "━", ink.cursor)
    for mark in sorted(plot.marks, key=lambda m: m.level):
        if (x := frame.column(mark.step)) is not None:
            # where the labels stand on the axis itself, a mark takes the next cell that is none of theirs: in the plot
            # it would pass for a value
            near = [x, *(x + by * side for by in range(1, _ASIDE + 1) for side in (1, -1))] if foot == 1 else []
            free = (at for at in near if frame.x <= at < canvas.width and chr(canvas.glyph[y, at]) in _MARKED)
            at = x if foot == 2 else next(free, None)
            canvas.put(x if at is None else at, y - (at is None), GLYPHS[mark.level], ink.levels[mark.level])


def value_at(column: Column, step: float | None) -> float | None:
    """Return the last value at or before ``step`` (the last of all for None); None if there is none."""
    if step is None:
        return column.last if len(column) else None
    if bool(np.all(column.step[1:] >= column.step[:-1])):
        at = int(np.searchsorted(column.step, step, side="right")) - 1
        return float(column.value[at]) if at >= 0 else None
    before = np.flatnonzero(column.step <= step)
    if not before.size:
        return None
    nearest = before[column.step[before] == column.step[before].max()]
    return float(column.value[nearest[-1]])
