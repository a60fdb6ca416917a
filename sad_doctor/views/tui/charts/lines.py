"""Paints the series of a chart over each other so that none hides another.

A cell has one colour. Where several lines meet, all their dots are drawn, and stretches of the row take the colours in
turn; levels, which cross the whole chart, lie under the lines, and points of evaluations over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.style import Style

from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts import raster
from sad_doctor.views.tui.charts.letters import lay_letters
from sad_doctor.views.tui.charts.raster import Bools, Ints, Trace
from sad_doctor.views.tui.painting.canvas import Canvas

if TYPE_CHECKING:
    from sad_doctor.views.tui.charts.plot import Frame

_FEW = 4
"""A line of fewer points shows them as such: one dot alone is easily missed."""
_STRETCH = 2
"""Cells of one colour where lines share a row."""
_NAN, _ABOVE, _BELOW, _POINT, _LEVEL = map(ord, "×▲▼•╌")


def lay_series(canvas: Canvas, frame: Frame, every: Sequence[Series], odd: Style) -> None:
    """Paint the series; ``odd`` is the style of what is no finite number."""
    levels = [(_level(frame, one), one.colour) for one in every if one.kind == "level"]
    traced = [
        (one, raster.trace(one.column, frame.window, frame.width, frame.height, joined=one.kind == "line"))
        for one in every
        if one.kind != "level"
    ]
    _lay(canvas, frame, levels)
    for _, trace in traced:
        crosses = np.where(trace.nan, _NAN, 0)
        if crosses.any():
            canvas.lay(frame.x, frame.y, np.broadcast_to(crosses, (frame.height, frame.width)), odd)
    dots = [(one, trace, _sound(trace)) for one, trace in traced]
    _lay(canvas, frame, [(cells, one.colour) for one, _, cells in dots if one.kind == "line"])
    _lay(canvas, frame, [(_points(frame, one, cells), one.colour) for one, _, cells in dots])
    lay_letters(canvas, frame.x, frame.y, [(one.mark, one.colour, cells) for one, _, cells in dots if one.mark])
    for _, trace in traced:
        for places, glyph, y in ((trace.above, _ABOVE, frame.y), (trace.below, _BELOW, frame.y + frame.height - 1)):
            if places.any():
                canvas.lay(frame.x, y, np.where(places, glyph, 0)[None], odd)


def _lay(canvas: Canvas, frame: Frame, layers: Sequence[tuple[Ints, str]]) -> None:
    """Lay code points, [height, width] each with a colour, 0 for none: of a cell that several want, all dots."""
    if len(layers) < 2:
        for cells, colour in layers:
            canvas.lay(frame.x, frame.y, cells, Style(color=colour))
        return
    hit = np.stack([cells > 0 for cells, _ in layers])
    # code points of braille have a bit a dot; of one sign more than once it is the same
    shown = np.bitwise_or.reduce([cells for cells, _ in layers])
    turn = np.arange(frame.width) // _STRETCH % np.maximum(hit.sum(axis=0), 1)
    place = np.cumsum(hit, axis=0) - 1
    for own, rank, (_, colour) in zip(hit, place, layers, strict=True):
        canvas.lay(frame.x, frame.y, np.where(own & (rank == turn), shown, 0), Style(color=colour))


def _sound(trace: Trace) -> Ints:
    """Return the code points of the dots, none where the series has a NaN: there its crosses are seen."""
    cells = raster.braille(trace.dots)
    cells[:, trace.nan] = 0
    return cells


def _points(frame: Frame, one: Series, cells: Ints) -> Ints:
    """Return the code points of a series of single points, or of a line of so few that they are to be seen."""
    if one.kind == "line":
        if len(one.column) >= _FEW:
            return np.zeros_like(cells)
        cells = _sound(raster.trace(one.column, frame.window, frame.width, frame.height, joined=False))
    return np.where(cells > 0, _POINT, 0)


def _level(frame: Frame, one: Series) -> Ints:
    """Return the code points of the last value, across the chart."""
    cells = np.zeros((frame.height, frame.width), dtype=np.int64)
    last = one.column.value[-1:]
    if np.isfinite(last).all():
        hit: Bools = np.zeros(frame.height, dtype=np.bool_)
        hit[raster.rows(last, frame.window, frame.height * raster.DOWN) // raster.DOWN] = True
        cells[hit] = _LEVEL
    return cells
