"""Two levels that take turns: records of a series that fall into two groups, far apart, with nothing between."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

BLOCK = 24
"""Records among which two groups are looked for: fewer than in which a level moves far."""

_LAST = 4096
"""So many of the last records are looked at."""

_FEWEST = 3
"""Fewest records of a group in a block: single ones are spikes."""


@sealed(eq=False)
class Levels:
    """``low`` and ``high`` are medians of the two groups' levels in the last block that has them.

    ``upper`` says of each record that was judged whether it belongs to the upper group; ``step`` is theirs; ``turns``
    counts how often the series goes from one group to the other; ``apart`` is the least distance of the groups within
    the blocks that count, over the spread inside of them.
    """

    low: float
    high: float
    step: Floats
    upper: Floats
    turns: int
    apart: float


def levels(column: Column, apart: float, blocks: float) -> Levels | None:
    """Return the two levels of a tidied, finite ``column``, or None.

    In a block of :data:`BLOCK` records the groups are those of the widest gap between neighbours in size; they count if
    their means are ``apart`` times the spread inside of them from each other. So many blocks as the share ``blocks``
    must have them. Linear in the length.
    """
    count = min(len(column), _LAST) // BLOCK
    if count < 2:
        return None
    value = column.value[-count * BLOCK :].reshape(count, BLOCK)
    step = column.step[-count * BLOCK :].reshape(count, BLOCK)
    ordered = np.sort(value, axis=1)
    gaps = np.diff(ordered, axis=1)
    gaps[:, : _FEWEST - 1] = 0
    gaps[:, -(_FEWEST - 1) :] = 0
    at = np.argmax(gaps, axis=1)
    limit = (ordered[np.arange(count), at] + ordered[np.arange(count), at + 1]) / 2
    upper = value > limit[:, None]
    above = upper.sum(axis=1)
    high = np.where(upper, value, 0).sum(axis=1) / above
    low = np.where(upper, 0, value).sum(axis=1) / (BLOCK - above)
    inside = np.sqrt(np.square(value - np.where(upper, high[:, None], low[:, None])).sum(axis=1) / (BLOCK - 2))
    far = (high - low) / np.maximum(inside, 1e-12 * np.abs(high - low) + 1e-300)
    turning = np.sum(upper[:, 1:] != upper[:, :-1], axis=1)
    good = (far >= apart) & (turning >= _FEWEST)
    if not good.any() or float(np.mean(good)) < blocks:
        return None
    last = int(np.flatnonzero(good)[-1])
    return Levels(
        float(median(value[last][~upper[last]])),
        float(median(value[last][upper[last]])),
        step[good].ravel(),
        upper[good].ravel(),
        int(turning[good].sum()),
        float(far[good].min()),
    )
