"""A letter for each line of a chart, where there are no colours to tell them apart by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_letters, ascii_uppercase

import numpy as np
from rich.style import Style

from sad_doctor.views.series import Series
from sad_doctor.views.tui.charts.raster import Ints
from sad_doctor.views.tui.painting.canvas import Canvas

_APART = 24
"""Cells from one letter of a line to the next."""
_NEAR = 8
"""Cells that the letter at the end of a line may move to the left where another letter stands there."""


def letter(number: int) -> str:
    """Return the letter of a run by its place among those that are open: A for 0; after Z the small ones."""
    every = ascii_uppercase + ascii_letters[:26]
    return every[number % len(every)]


def lettered(series: Sequence[Series], wanted: bool) -> tuple[Series, ...]:
    """Return the series, each line of several with a letter, its own or the first free one; none if not wanted."""
    lines = [one for one in series if one.kind == "line" and len(one.column)]
    if not wanted or len(lines) < 2:
        return tuple(replace(one, mark="") if one.mark else one for one in series)
    taken = {one.mark for one in lines}
    free = (told for told in map(letter, range(52)) if told not in taken)
    return tuple(
        replace(one, mark=next(free, "") if one in lines and not one.mark else one.mark if one in lines else "")
        for one in series
    )


def lay_letters(canvas: Canvas, x: int, y: int, lines: Sequence[tuple[str, str, Ints]]) -> None:
    """Write the letters of lines on them: letter, colour and painted cells, [height, width] and 0 for none, of each.

    One stands at the end of a line and others at even distances, of each line at other columns.
    """
    taken: set[tuple[int, int]] = set()
    for number, (mark, colour, cells) in enumerate(lines):
        columns = np.flatnonzero(cells.any(axis=0))[::-1].tolist()
        if not mark or not columns:
            continue
        places = [(column, _middle(cells, column)) for column in columns]
        shift = 1 + number * _APART // len(lines)
        ends = [place for place in places if columns[0] - place[0] <= _NEAR and place not in taken][:1]
        along = [place for place in places if (columns[0] - place[0]) % _APART == shift and place[0] < columns[0] - 1]
        for column, row in ends + [place for place in along if place not in taken]:
            canvas.put(x + column, y + row, mark, Style(color=colour, bold=True))
            taken.add((column, row))


def _middle(cells: Ints, column: int) -> int:
    """The row in the middle of what a line paints into a column: of a spike both ends stay."""
    rows = np.flatnonzero(cells[:, column])
    return int(rows[rows.size // 2])
