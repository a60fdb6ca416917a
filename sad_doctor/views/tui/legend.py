"""The first row of a chart: the step of the cursor, and each series with its value there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.style import Style

from sad_doctor.views import numerals
from sad_doctor.views.tui.canvas import Canvas

if TYPE_CHECKING:
    from sad_doctor.views.tui.plot import Frame, Ink, Plot

_SHORTEST = 8
"""Cells that a name keeps where there is too little room."""


def legend(
    canvas: Canvas, frame: Frame, plot: Plot, ink: Ink, cursor: float | None, values: Sequence[float | None]
) -> None:
    """Paint step, names and values into the first row.

    Where not all fit, the longest names are cut first; what does not fit even so is left out.
    """
    x = frame.x
    if cursor is not None:
        x = canvas.write(x, 0, f"step {numerals.step(cursor)}", ink.cursor) + 2
    signs = {"line": "━", "points": "•", "level": "╌"}
    told = ["–" if value is None else numerals.full(value) for value in values]
    names = [cell_len(series.name) for series in plot.drawn]

    def end(count: int, most: int) -> int:
        wide = sum(min(n, most) + len(t) + 6 for n, t in zip(names[:count], told[:count], strict=True))
        return x + wide - (3 if count == len(names) else 0)

    count = len(names)
    while count > 1 and end(count, _SHORTEST) > canvas.width:
        count -= 1
    most = max(names[:count], default=0)
    while most > _SHORTEST and end(count, most) > canvas.width:
        most -= 1
    for series, value, said in list(zip(plot.drawn, values, told, strict=True))[:count]:
        bad = value is not None and not np.isfinite(value)
        x = canvas.write(x, 0, signs[series.kind] + " ", Style(color=series.colour))
        x = canvas.write(x, 0, series.name, ink.label, limit=most) + 1
        x = canvas.write(x, 0, said, ink.nan if bad else ink.text) + 3
    if count < len(names):
        canvas.write(x - 1, 0, "…", ink.label)
