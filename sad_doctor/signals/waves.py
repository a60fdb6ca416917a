"""Whether a series goes up and down with a fixed period."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

_LAST = 1024
"""So many of the last records are looked at."""

_SHORTEST, _LONGEST, _TIMES = 4, 64, 4
"""Periods that are looked for, in records, and how often one must have come."""


@sealed
class Wave:
    """A period of ``records``, ``steps`` in all; ``share`` of what a series does beside its trend is of its phase."""

    records: int
    steps: float
    share: float
    low: float
    high: float


def waves(column: Column, share: float) -> Wave | None:
    """Return the period that explains most of a tidied, finite ``column`` beside its trend, or None.

    The trend of a period is the mean over one of its length, which takes nothing from what has that period. Explained
    is the share of the variance that is between the phases, less what chance explains; it must reach ``share``, and the
    shortest period that does so nearly as well as the best is returned.
    """
    step, value = column.step[-_LAST:], column.value[-_LAST:]
    longest = min(_LONGEST, value.size // (_TIMES + 1))
    if longest < _SHORTEST:
        return None
    sums = np.concatenate(([0.0], np.cumsum(value)))
    shares = np.array([_share(value, sums, period)[0] for period in range(_SHORTEST, longest + 1)])
    best = float(shares.max())
    if best < share:
        return None
    period = _SHORTEST + int(np.argmax(shares > 0.95 * best))
    _, phases = _share(value, sums, period)
    level = float(median(value))
    gap = float(median(np.diff(step)))
    return Wave(period, period * gap, best, level + float(phases.min()), level + float(phases.max()))


def _share(value: Floats, sums: Floats, period: int) -> tuple[float, Floats]:
    """The share of the variance between phases, less that of chance, and the phases' means beside the trend."""
    trend = (sums[period:] - sums[:-period]) / period
    rest = value[period // 2 : period // 2 + trend.size] - trend
    count = rest.size // period
    rows = rest[: count * period].reshape(count, period)
    phases: Floats = rows.mean(axis=0)
    whole = float(rows.var())
    if count < _TIMES - 1 or not whole > 0:
        return 0.0, phases
    between = float(phases.var()) / whole
    chance = (period - 1) / (rows.size - 1)
    return (between - chance) / (1 - chance), phases
