"""Evaluations that stand, or move by next to nothing, while the training goes on."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column
from sad_doctor.signals.middle import median
from sad_doctor.signals.precision import significant_digits
from sad_doctor.signals.series import Still, finite, gain, still, tidy

_DOWN = 0.8
"""The share of evaluations that are no higher than the one before, as of an average."""

_EVEN = 0.7
"""The share of the fall of the first half that the second half must have, to be no slower."""

_WITHIN = 8
"""Fewest records of the training within a stretch of equal evaluations."""


def all_equal(column: Column, fewest: float, digits: float) -> bool:
    """Whether all of ``fewest`` evaluations or more are one number, shown with ``digits`` significant digits.

    Two digits less do in twice as many: a loss that falls by a twentieth moves in its third digit.
    """
    if len(column) < fewest or not bool(np.all(column.value == column.value[0])):
        return False
    shown = significant_digits(column.last)
    return shown >= digits or (shown >= digits - 2 and len(column) >= 2 * fewest)


def hardly_moves(column: Column, fell: float, share: float, fewest: float) -> bool:
    """Whether all evaluations stay near the first, within ``share`` of the training's fall, and none turns back up.

    ``fell`` is that fall as a share of the training's own level, at most 1: a total that falls below 0 has no share.
    """
    if len(column) < fewest + 2:
        return False
    first = float(column.value[0])
    near = float(np.max(np.abs(column.value - first))) < share * min(fell, 1.0) * abs(first)
    return near and bool(np.mean(np.diff(column.value) <= 0) >= _DOWN)


def slows(column: Column) -> bool:
    """Whether evaluations fall by clearly less in their second half than in the first.

    A student that is near its best does so, or one that learns another text. A copy that follows too slowly does not:
    it has come a small part of its way, so that it moves as fast as before, or faster.
    """
    middle = len(column) // 2
    first, second = (
        float(a - b) for a, b in zip(column.value[[0, -1 - middle]], column.value[[middle, -1]], strict=True)
    )
    return second < _EVEN * first


def stands_while(column: Column, training: Column, fewest: float, moves: float) -> tuple[Still, float, float] | None:
    """Return the longest stretch of equal evaluations and the training's level at both ends of it.

    None where that stretch has less than ``fewest`` evaluations, or the training does not surely fall in it: ``moves``
    is the share of its level.
    """
    one = still(column)
    if one is None or one.count < fewest or one.value == 0:
        return None
    known = finite(tidy(training))
    within = known.value[(known.step >= one.first) & (known.step <= one.last)]
    halves = np.array_split(within, 2)
    if within.size < _WITHIN or not gain(*halves).surely_above(moves * abs(float(median(halves[0])))):
        return None
    return one, float(median(halves[0])), float(median(halves[1]))
