"""The range of a value axis whose labels lie equally many rows apart.

A chart has few rows: labels that are put on the nearest row of a range that the data chose are one row apart here and
two there, and read like another scale. So the range is chosen with the labels: a dot row is a round part of a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

from sad_doctor.sealed import sealed
from sad_doctor.views import axis
from sad_doctor.views.tui.charts.raster import DOWN

_FACTORS = (
    *((1.0, 0.0), (2.0, 0.0), (5.0, 0.0), (2.5, 0.05), (4.0, 0.2)),
    *((3.0, 0.3), (6.0, 0.35), (1.5, 0.35), (8.0, 0.35)),
)
"""What a step may begin with, and how much worse it reads than 1, 2 or 5."""
_TIGHTEST, _WANTED, _WIDEST = 1.02, 1.12, 2.0
"""The range as a multiple of what the data spans."""
_NEAREST, _FARTHEST = 2, 10
"""Rows from one label to the next."""
_LABELS, _SCARCE, _CROWDED = 5, 3, 9
"""How many labels read best where there is room, how few tell little, and how many are too many."""
_SMALLEST, _LARGEST, _COARSEST = 1e-100, 1e100, 1e9
"""Smallest and largest span of the data, and largest ratio of a value to the span, for which even labels are tried."""
_FEW = 5
"""Rows below which there is no room for two labels."""
_MIDDLE = (1, 2)
"""Dot rows of a cell on which its label lies best."""
_IN_DECADE = {2: (1.0, 3.0), 3: (1.0, 2.0, 5.0)}
"""Labels that are nearly equally far apart on a log scale, by how many a decade has."""
_OFF = {2: 8, 3: 3}
"""Rows from one such label to the next up to which they are less than two dots off."""


@sealed
class Spaced:
    """The values at the lowest and the highest dot row, and those that are labelled, rising."""

    low: float
    high: float
    levels: tuple[float, ...]


@sealed
class _Choice:
    """A step from label to label, the rows that it takes, the dot row of zero counted from the top, how bad it is."""

    step: float
    apart: int
    zero: int
    cost: float


@lru_cache(maxsize=256)
def spaced(low: float, high: float, rows: int, log: bool) -> Spaced:
    """Return the range for finite values from ``low`` to ``high`` on so many rows of cells; ``log`` needs ``low > 0``.

    Where no even labels can be had, as for a single value or for one decade on many rows, they are those of
    :func:`axis.ticks`.
    """
    found, value = None, _times
    if log:
        if _SMALLEST < low < high < _LARGEST:
            found, value = _best(math.log10(low), math.log10(high), rows, log=True), _power
    elif _SMALLEST < high / 2 - low / 2 < _LARGEST and max(abs(low), abs(high)) < (high - low) * _COARSEST:
        found = _best(low, high, rows, log=False)
    if found is not None:
        return _told(found, low, high, rows, value)
    low, high = axis.padded(low, high, log)
    return Spaced(low, high, tuple(axis.ticks(low, high, max(3, rows // 3) if rows >= _FEW else 2, log)))


def _best(low: float, high: float, rows: int, log: bool) -> _Choice | None:
    """Return the least bad way; on a linear scale what is not negative does not have the range reach below zero."""
    steps, bounded = (_decades, False) if log else (_round, low >= 0)
    last = rows * DOWN - 1
    found: list[_Choice] = []
    for apart in range(max(_NEAREST, rows // _CROWDED), min(_FARTHEST, rows - 1) + 1):
        dots = last / (DOWN * apart)  # steps in the range
        for step, cost in steps((high - low) * _TIGHTEST / dots, (high - low) * _WIDEST / dots):
            dot = step / (DOWN * apart)
            least, most = math.ceil(high / dot), math.floor(low / dot) + last
            least = max(least, last) if bounded else least
            ideal = ((low + high) / dot + last) / 2
            places = [n for n in (round(ideal) + by for by in range(-DOWN, DOWN + 1)) if least <= n <= most]
            places += [least] if bounded and least == last <= most else []
            if log and step < 1:  # in the middle of a cell, they stay in it though they lie a little off
                places = [n for n in places if n % DOWN in _MIDDLE] if apart <= _OFF[round(1 / step)] else []
            if not places:
                continue
            zero = min(places, key=lambda n: abs(n - ideal) / 2 + _unseemly(n, last, bounded))
            labels = len(_numbers(zero, apart, rows))
            if labels >= 2:
                cost += _looseness(dot * last / (high - low)) + 0.04 * _unseemly(zero, last, bounded)
                cost += 0.5 * abs(math.log(labels / min(_LABELS, max(_SCARCE, rows // 3)))) + 0.3 * (labels < _SCARCE)
                found.append(_Choice(step, apart, zero, cost))
    return min(found, key=lambda one: one.cost, default=None)


def _looseness(share: float) -> float:
    """The cost of a range ``share`` times as long as the data's span: empty room, or lines at the edge."""
    return 2 * math.log(share / _WANTED) if share > _WANTED else math.log(_WANTED / share)


def _unseemly(zero: int, last: int, bounded: bool) -> float:
    """How bad it is where in their cells the labelled values lie: the middle is best, or zero on the axis."""
    return 0.0 if zero % DOWN in _MIDDLE or (bounded and zero == last) else 3.0


def _numbers(zero: int, apart: int, rows: int) -> range:
    """Return how many steps above zero the labels are."""
    size, last = DOWN * apart, rows * DOWN - 1
    return range(-((last - zero) // size), zero // size + 1)


def _told(found: _Choice, low: float, high: float, rows: int, value: Callable[[float, float], float]) -> Spaced:
    """Return the range of a choice, with the values that it was made for in it whatever was rounded."""
    last = rows * DOWN - 1
    dots = DOWN * found.apart
    bottom, top = (value(dot / dots, found.step) for dot in (found.zero - last, found.zero))
    levels = tuple(value(number, found.step) for number in _numbers(found.zero, found.apart, rows))
    return Spaced(min(low, bottom), max(high, top), levels)


def _round(least: float, most: float) -> Iterator[tuple[float, float]]:
    """Yield the round steps between two, with their cost."""
    for power in range(math.floor(math.log10(least)) - 1, math.floor(math.log10(most)) + 1):
        for factor, cost in _FACTORS:
            step = factor * 10.0**power if power >= 0 else factor / 10.0**-power
            if least <= step <= most:
                yield step, cost


def _decades(least: float, most: float) -> Iterator[tuple[float, float]]:
    """Yield steps of a log scale, in decades: whole ones, halves and thirds."""
    for parts in (3, 2):
        if least <= 1 / parts <= most:
            yield 1 / parts, 0.1
    for step in range(max(1, math.ceil(least)), math.floor(most) + 1):
        yield float(step), 0.0 if step in (1, 2, 3, 5) or step % 10 == 0 else 0.2


def _times(number: float, step: float) -> float:
    """Return the value so many steps above zero."""
    return number * step


def _power(number: float, step: float) -> float:
    """Return the value so many steps above 1 on a log scale; of parts of a decade, the round one next to it."""
    if step < 1 and number == int(number):
        whole, part = divmod(int(number), parts := round(1 / step))
        return _IN_DECADE[parts][part] * math.pow(10.0, whole)
    return math.pow(10.0, number * step)
