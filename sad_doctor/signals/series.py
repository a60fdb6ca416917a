"""Signals of one series: trend, gain, stillness, spikes. NaN and infinity are left out, never counted as values."""

from __future__ import annotations

import math
from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median, medians
from sad_doctor.signals.precision import unit

SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

NOISY = 10
"""So many records, and so many units of the last digit between them, show that a series has noise."""


_FIRST, _MOSTLY, _NEXT = 5, 0.6, 0.05


_SAMPLED = 5000
"""So many values tell a quantile."""


@sealed
class Gain:
    """How much lower the later values are: ``amount``, and its standard error; both in the unit of the series."""

    amount: float
    error: float

    def surely_below(self, limit: float, sigmas: float = 2.0) -> bool:
        """Say whether the gain lies below ``limit`` even at the upper end of its confidence interval."""
        return self.amount + sigmas * self.error < limit

    def surely_above(self, limit: float, sigmas: float = 3.0) -> bool:
        """Say whether the gain lies above ``limit`` even at the lower end of its confidence interval."""
        return self.amount - sigmas * self.error > limit


@sealed
class Still:
    """A stretch of bit-identical values: ``count`` of them from ``first`` to ``last`` (steps)."""

    value: float
    count: int
    first: float
    last: float


_Remembered = WeakKeyDictionary[Column, Column | None]
_TIDY: _Remembered = WeakKeyDictionary()
_FINITE: _Remembered = WeakKeyDictionary()
"""What was made of each column, None where it was as it should be: every rule asks the same of the same columns."""


def _once(made: Callable[[Column], Column], known: _Remembered, column: Column) -> Column:
    if column not in known:
        of = made(column)
        known[column] = None if of is column else of
    found = known[column]
    return column if found is None else found


def tidy(column: Column) -> Column:
    """Return ``column`` with strictly increasing steps; where a step was logged again, the last value stands."""
    return _once(_tidied, _TIDY, column)


def finite(column: Column) -> Column:
    """Return the points of ``column`` with a finite value."""
    return _once(_kept, _FINITE, column)


def _tidied(column: Column) -> Column:
    if len(column) < 2 or bool((column.step[1:] > column.step[:-1]).all()):
        return column
    order = np.argsort(column.step, kind="stable")
    step, value = column.step[order], column.value[order]
    last = np.append(np.diff(step) > 0, True)
    return Column(step[last], value[last])


def _kept(column: Column) -> Column:
    keep = np.isfinite(column.value)
    return column if bool(keep.all()) else Column(column.step[keep], column.value[keep])


def trend(values: Floats) -> float:
    """Return the relative change from the first to the last third of ``values``: -0.25 says a quarter lower.

    Medians of the thirds, so that single spikes do not count. NaN with fewer than 3 finite values or a start at 0.
    """
    known = values[np.isfinite(values)]
    third = known.size // 3
    if third == 0:
        return float("nan")
    start, end = float(median(known[:third])), float(median(known[-third:]))
    return (end - start) / abs(start) if start else float("nan")


def gain(before: Floats, after: Floats) -> Gain:
    """Return by how much ``after`` lies below ``before``, by medians, with a robust standard error.

    The error takes the spread from differences of neighbours, so that a slope inside a window does not count as
    noise, and is never below the spread's own resolution. Raises ValueError for a window of fewer than 2 values.
    """
    if min(before.size, after.size) < 2:
        raise ValueError("a gain needs two values before and two after")
    amount = float(median(before) - median(after))
    # the median of n normal values has the standard error 1.2533 sigma / sqrt(n)
    error = 1.2533 * math.hypot(*(_noise(w) / math.sqrt(w.size) for w in (before, after)))
    return Gain(amount, error)


def _noise(values: Floats) -> float:
    """Return the standard deviation about the local level: neighbours differ by sqrt(2) of it."""
    return float(np.sqrt(np.mean(np.square(np.diff(values))) / 2))


def still(column: Column) -> Still | None:
    """Return the longest stretch of consecutive bit-identical finite values at different steps; None if all differ."""
    column = tidy(column)
    if len(column) < 2:
        return None
    same = (column.value[1:] == column.value[:-1]) & np.isfinite(column.value[1:])
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    if edges.size == 0:
        return None
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    first, last = int(starts[longest]), int(ends[longest])
    return Still(float(column.value[first]), last - first + 1, float(column.step[first]), float(column.step[last]))


def clamped(column: Column) -> float | None:
    """Return since which step a tidy column is 0 but for a few points, which are next to nothing; None if it is not.

    Over the last third :data:`_MOSTLY` of the points are exactly 0 and none has :data:`_NEXT` of the first five.
    """
    late, first = np.abs(column.value[-(len(column) // 3) :]), np.abs(column.value[:_FIRST])
    begun = float(median(first)) if first.size else 0.0
    if not late.size or not begun > 0 or float(np.mean(late == 0)) < _MOSTLY or float(np.max(late)) > _NEXT * begun:
        return None
    return float(column.step[int(np.argmax(np.abs(column.value) <= _NEXT * begun))])


def fades(column: Column, share: float) -> bool:
    """Say whether a column comes down smoothly to the zeros at its end.

    The last three values before them then lie below ``share`` of its largest size, in the median.
    """
    alive = np.flatnonzero(column.value)
    sizes = np.abs(column.value[: int(alive[-1]) + 1]) if alive.size else np.empty(0)
    return sizes.size > 3 and float(median(sizes[-3:])) < share * float(np.nanmax(sizes))


def frozen(column: Column, share: float) -> tuple[Still, float] | None:
    """Return the stretch of one value that ends a noisy series, and that noise; None if it does not end so.

    The stretch holds ``share`` of the records and :data:`NOISY` or more. The noise, the median difference of up to 50
    neighbours before it, is as many units of the last digit that they were printed with: no rounding of a quiet series.
    """
    column = tidy(column)
    same = still(column)
    if same is None or same.last != column.step[-1] or same.count < max(share * len(column), NOISY):
        return None
    before = column.value[(column.step < same.first) & np.isfinite(column.value)][-50:]
    if before.size < NOISY:
        return None
    noise = float(median(np.abs(np.diff(before))))
    return (same, noise) if noise >= NOISY * min(map(unit, before.tolist())) else None


def spikes(values: Floats, window: int = 64, sigmas: float = 8.0, factor: float = 1.3, floor: float = 0.05) -> Floats:
    """Return, for each value, its height in robust deviations over the ``window`` values before it, or 0 if no spike.

    A spike stands ``sigmas`` deviations (1.4826 MAD), ``factor`` and ``floor`` above the median of that window.
    The reference of a block of ``window`` values is the block before it, if half of that is finite: one pass over
    rows of blocks, linear in the length. The first block has no reference.
    """
    out = np.zeros(values.size)
    blocks = (values.size - 1) // window
    if blocks < 1:
        return out
    middle, spread = _references(values[: blocks * window].reshape(blocks, window))
    at = np.arange(values.size - window) // window
    later = values[window:]
    level = middle[at]
    height = np.where(np.isfinite(later), later - level, 0.0)
    high = (height > sigmas * spread[at]) & (later > factor * level) & (height > floor)
    out[window:] = np.where(high, height / spread[at], 0.0)
    return out


def _references(blocks: Floats) -> tuple[Floats, Floats]:
    """Median and robust deviation of each row, of its finite values; NaN for a row with less than half of them."""
    known = np.isfinite(blocks)
    if known.all():
        middle = medians(blocks)
        spread = medians(np.abs(blocks - middle[:, None]))
    else:
        middle, spread = np.full(len(blocks), np.nan), np.full(len(blocks), np.nan)
        for row in np.flatnonzero(2 * known.sum(axis=1) >= blocks.shape[1]):
            values = blocks[row, known[row]]
            middle[row] = median(values)
            spread[row] = median(np.abs(values - middle[row]))
    return middle, np.maximum(SIGMA * spread, 1e-12)


def cut(values: Floats) -> Floats:
    """Return finite values without those far out, which are spikes and no level: held within quantiles of 2 and 98%."""
    low, high = np.quantile(values[:: max(1, values.size // _SAMPLED)], [0.02, 0.98])
    return np.clip(values, low, high)
