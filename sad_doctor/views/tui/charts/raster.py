"""From a series to braille dots: arrays in, arrays out, no widget.

A character cell holds 2 x 4 dots. Every dot column keeps the smallest and the largest value that falls into it, so
that a spike of one step in a million is still drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

ACROSS, DOWN = 2, 4
"""Dots of one cell."""

_WEIGHT = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)
_BLANK = 0x2800
MOST_PIECES = 64
"""A log whose steps go back more often than this is one piece: its rows have no order."""


@sealed
class Window:
    """What a chart shows: steps ``left`` to ``right``, values ``low`` to ``high``; ``log`` needs ``low > 0``."""

    left: float
    right: float
    low: float
    high: float
    log: bool = False


@sealed(eq=False)
class Trace:
    """A series on the grid. ``dots`` is [4·height, 2·width], top row first; the others are [width], one a cell column.

    ``nan``, ``above`` and ``below`` mark cell columns that hold a NaN, an infinity and a negative infinity.
    """

    dots: Bools
    nan: Bools
    above: Bools
    below: Bools


def place(value: Floats, low: float, high: float, size: int) -> Ints:
    """Return the index in ``0 … size - 1`` of each finite value between ``low`` and ``high``, clipped.

    Works in halves so that a range wider than the largest float does not overflow.
    """
    span = high / 2 - low / 2
    if not span > 0:
        return np.full(value.shape, (size - 1) // 2, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        share = (value / 2 - low / 2) / span
    share = np.nan_to_num(share, nan=0.5, posinf=1.0, neginf=0.0)
    return np.rint(np.clip(share, 0.0, 1.0) * (size - 1)).astype(np.int64)


def place_one(value: float, low: float, high: float, size: int) -> int:
    """Return what :func:`place` gives for one finite value; an array of one takes twenty times as long."""
    span = high / 2 - low / 2
    if not span > 0:
        return (size - 1) // 2
    return round(min(max((value / 2 - low / 2) / span, 0.0), 1.0) * (size - 1))


def rows(value: Floats, window: Window, size: int) -> Ints:
    """Return the row of each finite value, 0 at the top; on a log scale what is not positive lies at the bottom."""
    if not window.log:
        return size - 1 - place(value, window.low, window.high, size)
    floor = np.log10(window.low)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.where(value > 0, np.log10(np.maximum(value, 0)), floor)
    return size - 1 - place(level, float(floor), float(np.log10(window.high)), size)


def trace(column: Column, window: Window, width: int, height: int, *, joined: bool = True) -> Trace:
    """Draw a column into ``width`` x ``height`` cells; ``joined`` draws lines between points, else dots alone.

    A line is broken where only non-finite values lie between two points, and where the step goes back: a run that
    started again is a line of its own.
    """
    seen = np.isfinite(column.step) & (column.step >= window.left) & (column.step <= window.right)
    step, value = column.step[seen], column.value[seen]
    cell = place(step, window.left, window.right, width * ACROSS)
    finite = np.isfinite(value)
    dots = np.zeros((height * DOWN, width * ACROSS), dtype=np.bool_)
    nan, above, below = (_cells(cell[kind], width) for kind in (np.isnan(value), value == np.inf, value == -np.inf))
    row = np.zeros_like(cell)
    row[finite] = rows(value[finite], window, height * DOWN)
    back = np.flatnonzero(np.diff(step) < 0) + 1
    for piece in np.split(np.arange(step.size), back if back.size < MOST_PIECES else []):
        known, unknown = piece[finite[piece]], piece[~finite[piece]]
        if known.size:
            broken = np.zeros(width * ACROSS, dtype=np.bool_)
            broken[cell[unknown]] = True
            _draw(dots, cell[known], row[known], broken if joined else None)
    return Trace(dots, nan, above, below)


def braille(dots: Bools) -> NDArray[np.int64]:
    """Return the code points of a dot grid, [height, width]; an empty cell is 0."""
    bits = np.zeros((dots.shape[0] // DOWN, dots.shape[1] // ACROSS), dtype=np.uint8)
    for (down, across), weight in np.ndenumerate(_WEIGHT):  # eight small steps take a quarter of one large sum
        bits |= dots.view(np.uint8)[down::DOWN, across::ACROSS] * weight
    return np.where(bits > 0, bits.astype(np.int64) + _BLANK, 0)


def bins(column: Column, left: float, right: float, width: int) -> Floats:
    """Return the mean of a column in each of ``width`` equal stretches of steps, NaN where nothing finite lies."""
    seen = np.isfinite(column.step) & np.isfinite(column.value) & (column.step >= left) & (column.step <= right)
    at = place(column.step[seen], left, right, width)
    count = np.bincount(at, minlength=width).astype(np.float64)
    total = np.bincount(at, weights=column.value[seen], minlength=width)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _cells(dot: Ints, width: int) -> Bools:
    hit = np.zeros(width, dtype=np.bool_)
    hit[dot // ACROSS] = True
    return hit


def _draw(dots: Bools, at: Ints, row: Ints, broken: Bools | None) -> None:
    """Set the dots of points at columns ``at`` (log order) and, unless ``broken`` is None, the lines between them."""
    size = dots.shape[1]
    top = np.full(size, dots.shape[0], dtype=np.int64)
    bottom = np.full(size, -1, dtype=np.int64)
    np.minimum.at(top, at, row)
    np.maximum.at(bottom, at, row)
    taken = np.flatnonzero(bottom >= 0)
    if broken is not None and taken.size > 1:
        _join(top, bottom, taken, *_ends(at, row, size), broken)
    level = np.arange(dots.shape[0])[:, None]
    dots |= (level >= top) & (level <= bottom)


def _ends(at: Ints, row: Ints, size: int) -> tuple[Ints, Ints]:
    """Return the first and the last row of each dot column, in log order."""
    first, last = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    first[at[::-1]] = row[::-1]
    last[at] = row
    return first, last


def _join(top: Ints, bottom: Ints, taken: Ints, first: Ints, last: Ints, broken: Bools) -> None:
    """Widen ``top`` and ``bottom`` by a straight line from each taken column to the next."""
    x = np.column_stack([taken - 0.25, taken + 0.25]).ravel()
    y = np.column_stack([first[taken], last[taken]]).ravel().astype(np.float64)
    columns = np.arange(taken[0], taken[-1] + 1)
    edge = np.interp(np.arange(taken[0], taken[-1] + 2) - 0.5, x, y)
    upper = np.rint(np.minimum(edge[:-1], edge[1:])).astype(np.int64)
    lower = np.rint(np.maximum(edge[:-1], edge[1:])).astype(np.int64)
    kept = _whole(columns, taken, broken)
    top[columns[kept]] = np.minimum(top[columns[kept]], upper[kept])
    bottom[columns[kept]] = np.maximum(bottom[columns[kept]], lower[kept])


def _whole(columns: Ints, taken: Ints, broken: Bools) -> Bools:
    """Return which columns a line may cross: points, and gaps that hold no non-finite value."""
    gap = np.searchsorted(taken, columns, side="right")
    inside = ~np.isin(columns, taken)
    torn = np.bincount(gap[inside & broken[columns]], minlength=taken.size + 1) > 0
    kept: Bools = ~(inside & torn[gap])
    return kept
