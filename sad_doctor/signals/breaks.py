"""Where a series is torn: its two sides, each followed to the edge by a line of its own, do not meet there."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

WIDTH = 12
"""Records on either side of an edge to which a line is fitted."""

_MOST = 2000
"""Longer series are taken as means of so many stretches: an edge is known to a stretch then."""

_NEXT = 3
"""Records on either side whose medians must lie apart as well: a bend has none, and a slope little of it."""

_NEAR = 8000
"""So many records on either side tell the noise to a percent."""

_LOOKED, _QUIET = 4, 0.5
"""Edges that are looked at; the share of the usual noise that the noise beside an edge counts as at least."""


@sealed
class Break:
    """At ``step`` a series goes from ``before`` to ``after`` at once; ``sigmas`` is that over its standard error."""

    step: float
    before: float
    after: float
    sigmas: float


def breaks(column: Column, sigmas: float, share: float) -> Break | None:
    """Return the edge at which a tidied, finite ``column`` is torn the furthest, or None.

    A line is fitted to :data:`WIDTH` records on either side, so that neither a slope nor a bend counts, and both are
    followed to the edge. There they lie ``sigmas`` standard errors and ``share`` of the level apart; so do the records
    next to it, and the later ones stay on that side of the line before. The first tenth is not looked at, where all
    falls. Linear in the length.
    """
    step, value = _thinned(column)
    first = max(WIDTH, value.size // 10)
    if value.size < first + 2 * WIDTH:
        return None
    left, right, noise = _sides(value)
    jump = right - left
    usual = float(median(noise))
    error = np.maximum(noise, _QUIET * usual) * _factor()
    height = np.abs(jump) / np.maximum(error, 1e-300)
    # where the edge before the first one is torn as far, it is the end of what happens there
    flank = first > WIDTH and bool(height[first - WIDTH - 1] > 0.8 * height[first - WIDTH])
    height[: first - WIDTH + (WIDTH // 2 if flank else 0)] = 0
    for at in np.argsort(-height, kind="stable")[:_LOOKED].tolist():
        edge, moved = at + WIDTH, float(jump[at])
        level = max(abs(float(left[at])), abs(float(right[at])))
        if height[at] < sigmas or abs(moved) < share * level:
            continue
        near = float(median(value[edge : edge + _NEXT]) - median(value[edge - _NEXT : edge]))
        later = value[edge : edge + WIDTH] - float(left[at])
        if near * np.sign(moved) > 0.6 * abs(moved) and float(median(later)) * np.sign(moved) > 0.4 * abs(moved):
            return Break(float(step[edge]), float(left[at]), float(right[at]), float(height[at]))
    return None


def torn(column: Column, step: float) -> Break | None:
    """Return how a tidied, finite ``column`` goes over its first record from ``step`` on; None too near to an end."""
    at = int(np.searchsorted(column.step, step))
    value = column.value[max(0, at - WIDTH) : at + WIDTH]
    if at < WIDTH or value.size < 2 * WIDTH:
        return None
    left, right, noise = (float(side[0]) for side in _sides(value))
    error = max(noise * _factor(), 1e-12 * (abs(left) + abs(right)) + 1e-300)
    return Break(float(column.step[at]), left, right, abs(right - left) / error)


def spread(column: Column, step: float) -> tuple[float, float] | None:
    """Return how many times the noise is another one from ``step`` on, as its logarithm, and the standard error of it.

    The noise is that of second differences, which no slope moves, of the records from a tenth of the run on, at most
    :data:`_NEAR` on either side. None with fewer than :data:`WIDTH` on a side, or where most do not move.
    """
    value, at = column.value, int(np.searchsorted(column.step, step))
    start = max(1, len(column) // 10, at - _NEAR)
    before = np.abs(np.diff(value[start : max(0, at)], 2))
    after = np.abs(np.diff(value[at : at + _NEAR], 2))
    if min(before.size, after.size) < WIDTH:
        return None
    first, last = float(median(before)), float(median(after))
    if not min(first, last) > 0:
        return None
    # neighbouring second differences share values: about a third of them tell anew
    return float(np.log(last / first)), 1.5 * float(np.sqrt(1 / before.size + 1 / after.size))


def _thinned(column: Column) -> tuple[Floats, Floats]:
    """Steps and values, as means of stretches where there are more than :data:`_MOST`."""
    size = -(-len(column) // _MOST)
    if size == 1:
        return column.step, column.value
    whole = len(column) // size * size
    means: Floats = column.value[:whole].reshape(-1, size).mean(axis=1)
    return column.step[:whole:size], means


def _weights() -> Floats:
    """Weights by which :data:`WIDTH` values give their line's value half a record behind the last one."""
    at = np.arange(WIDTH, dtype=np.float64) - (WIDTH - 1) / 2
    return 1 / WIDTH + at * (WIDTH / 2) / float(np.sum(np.square(at)))


def _factor() -> float:
    """Standard error of the jump over the noise of one record."""
    return float(np.sqrt(2 * np.sum(np.square(_weights()))))


def _sides(value: Floats) -> tuple[Floats, Floats, Floats]:
    """Both lines' values at each edge, and the noise about them; each float64 [edges], the first at :data:`WIDTH`."""
    weights = _weights()
    ends = np.convolve(value, weights[::-1], "valid")  # of each window, at its end
    starts = np.convolve(value, weights, "valid")  # and at its beginning
    windows = np.lib.stride_tricks.sliding_window_view(value, WIDTH)
    middle = windows.mean(axis=1)
    slope = (ends - middle) / (WIDTH / 2)
    at = np.arange(WIDTH) - (WIDTH - 1) / 2
    rest = np.square(windows - middle[:, None] - slope[:, None] * at).sum(axis=1)
    left, right = ends[:-WIDTH], starts[WIDTH:]
    noise: Floats = np.sqrt((rest[:-WIDTH] + rest[WIDTH:]) / (2 * WIDTH - 4))
    return left, right, noise
