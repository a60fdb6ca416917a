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
    """Paint step, names and values into the first row; where not all fit, the longest names are cut first."""
    x = frame.x
    if cursor is not None:
        x = canvas.write(x, 0, f"step {numerals.step(cursor)}", ink.cursor) + 2
    signs = {"line": "━", "points": "•", "level": "╌"}
    told = ["–" if value is None else numerals.full(value) for value in values]
    names = [cell_len(series.name) for series in plot.drawn]
    most = max(names, default=0)
    while (
        most > _SHORTEST
        and x + sum(min(n, most) + len(t) + 6 for n, t in zip(names, told, strict=True)) - 3 > canvas.width
    ):
        most -= 1
    for series, value, said in zip(plot.drawn, values, told, strict=True):
        bad = value is not None and not np.isfinite(value)
        if x > frame.x and x + min(cell_len(series.name), most) + len(said) + 3 > canvas.width:
            canvas.write(x - 1, 0, "…", ink.label)
            return
        x = canvas.write(x, 0, signs[series.kind] + " ", Style(color=series.colour))
        x = canvas.write(x, 0, series.name, ink.label, limit=most) + 1
        x = canvas.write(x, 0, said, ink.nan if bad else ink.text) + 3
