"""The first rows of a chart: the step of the cursor, and each series with its value there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.style import Style

from sad_doctor.views import numerals
from sad_doctor.views.tui.painting.canvas import Canvas

if TYPE_CHECKING:
    from sad_doctor.views.tui.charts.plot import Frame, Ink, Plot

_SHORTEST = 8
"""Cells that a name keeps where there is too little room."""
_GAP = 3
"""Cells between one and the next."""
_BESIDE = 3 + _GAP
"""Cells beside a name and its value: a sign, a space behind each, and the gap."""
_STEP = 13
"""Cells of the step of a cursor."""


def wanted_rows(width: int, plot: Plot) -> int:
    """Return how many rows the legend of a chart ``width`` cells wide takes: two where one would lose names."""
    told = [8 if len(s.column) == 0 else len(numerals.full(s.column.last or 0.0)) for s in plot.drawn]
    wide = sum(cell_len(s.name) + n + _BESIDE for s, n in zip(plot.drawn, told, strict=True))
    return 2 if len(told) > 1 and wide - _GAP + (_STEP if len(told) > 2 else 0) > width else 1


def legend(
    canvas: Canvas, frame: Frame, plot: Plot, ink: Ink, cursor: float | None, values: Sequence[float | None]
) -> None:
    """Paint step, names and values into the rows above the plot.

    Where not all fit, the longest names are cut first; what does not fit even so is left out.
    """
    step = "" if cursor is None else f"step {numerals.step(cursor)}"
    x = frame.x + len(step) + 2 * bool(step)
    signs = {"line": "━", "points": "•", "level": "╌"}
    told = ["–" if value is None else numerals.full(value) for value in values]
    names = [cell_len(series.name) for series in plot.drawn]

    def places(count: int, most: int) -> tuple[list[tuple[int, int]], bool]:
        """Where the first ones begin, with names of at most so many cells, and whether they all fit."""
        at, row, found, fits = x, 0, list[tuple[int, int]](), True
        for number, (name, said) in enumerate(zip(names[:count], told[:count], strict=True), 1):
            wide = min(name, most) + len(said) + _BESIDE - _GAP
            if at + wide > canvas.width and at > frame.x and row + 1 < frame.y:
                at, row = frame.x, row + 1
            found.append((at, row))
            at += wide + _GAP
            fits &= at - (0 if number == count < len(names) else _GAP) <= canvas.width
        return found, fits

    count = len(names)
    edge = frame.x
    if frame.y == 1 and not places(count, max(names, default=0))[1]:
        # from above the value axis on, and without its word, all may have room
        x = len(short := step.removeprefix("step ")) + 2 * bool(step)
        if places(count, max(names, default=0))[1]:
            edge, step = 0, short
        else:
            x = frame.x + len(step) + 2 * bool(step)
    canvas.write(edge, 0, step, ink.cursor)
    while count > 1 and not places(count, _SHORTEST)[1]:
        count -= 1
    most = max(names[:count], default=0)
    while most > _SHORTEST and not places(count, most)[1]:
        most -= 1
    y = 0
    for (x, y), series, value, said in zip(places(count, most)[0], plot.drawn, values, told):  # noqa: B905
        bad = value is not None and not np.isfinite(value)
        x = canvas.write(x, y, (series.mark or signs[series.kind]) + " ", Style(color=series.colour))
        x = canvas.write(x, y, series.name, ink.label, limit=most) + 1
        x = canvas.write(x, y, said, ink.nan if bad else ink.text) + _GAP
    if count < len(names):
        canvas.write(x - 1, y, "…", ink.label)
