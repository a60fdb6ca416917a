"""How far a series stands above its lowest stretch at its end."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sad_doctor.run import Column
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import gain

_BLOCKS = 8

_SIGMAS = 4.0
"""The lowest of many blocks is low by chance too: one more than the three of a single comparison."""

_SHORTEST = 8
"""Records of the shortest stretch."""


@sealed
class Rise:
    """Medians of the lowest stretch, which ends at the step ``since``, of the last fifth and of the beginning."""

    lowest: float
    since: float
    last: float
    first: float

    @property
    def share(self) -> float:
        """The rise as a share of the lowest level."""
        return (self.last - self.lowest) / max(abs(self.lowest), 1e-12)


def lowest(column: Column) -> float:
    """Return the median of the lowest stretch before the last fifth of a tidy, finite series of 10 values or more."""
    before = column.value[: -(len(column) // 5)]
    return min(float(median(before[block])) for block in _stretches(before.size))


def rise(column: Column, share: float, least: float) -> Rise | None:
    """Return how the last fifth stands above the lowest stretch before it; None unless it surely does.

    By ``share`` of the lowest level, and by ``least``, in the unit of the series, which must be tidy, finite and of 25
    values or more. Linear in the length.
    """
    count = len(column) // 5
    last, before = column.value[-count:], column.value[:-count]
    stretches = _stretches(before.size)
    medians = [float(median(before[stretch])) for stretch in stretches]
    at = int(np.argmin(medians))
    stretch, low, beginning = stretches[at], medians[at], medians[-1 if at >= _BLOCKS else 0]
    found = gain(last, before[stretch])
    limit = max(share * abs(low), least)
    # a loss that explodes has no steady noise: there nearly all of the last lie above nearly all of the lowest
    clear = float(np.quantile(last, 0.1)) > float(np.quantile(before[stretch], 0.9)) and found.amount > limit
    if not clear and not found.surely_above(limit, sigmas=_SIGMAS):
        return None
    return Rise(low, float(column.step[stretch.stop - 1]), float(median(last)), beginning)


def _stretches(size: int) -> list[slice]:
    """Eight blocks, then halves of the first: within it a loss may fall and leave that level."""
    each, more = divmod(size, _BLOCKS)
    edges = [block * each + min(block, more) for block in range(_BLOCKS + 1)]
    found = [slice(start, end) for start, end in pairwise(edges)]
    early = edges[1]
    while early >= 2 * _SHORTEST:
        half = (early + 1) // 2
        found += [slice(half, early), slice(half)]
        early = half
    return found
