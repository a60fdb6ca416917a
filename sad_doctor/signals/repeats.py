"""Values of a noisy series that come again to the last digit: a number that stands, a limit, digits that were cut."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.precision import sample, significant_digits, unit
from sad_doctor.signals.series import NOISY, finite, still, tidy

FEWEST = 20
"""Records before which nothing is judged."""

_LN2 = 0.6931
"""The loss of two choices while the student is its own reference: so preference losses begin."""

_RECORDS = 8
_CARRIED, _ROUND = 0.8, 2
"""Fewest records of one value; the share of all other values that must be new in their record; digits of a limit."""


@sealed
class Repeat:
    """``value`` stands in ``count`` records, from ``first`` to ``last`` (steps); as the largest or the smallest of all
    it is a ``limit``: it comes again and again, others between, or is left at last.
    """

    value: float
    count: int
    first: float
    last: float
    limit: bool


def stands(run: Run, digits: float) -> Column | None:
    """Return the finite records of the total if all are one number of so many digits, to a millionth; else None.

    Neither 0, nor that of a preference loss at its beginning, nor at a learning rate of 0.
    """
    told, rate = run.get(names.LOSS), run.get(names.LEARNING_RATE)
    if told is None or (rate is not None and not np.any(rate.value)):
        return None
    loss = finite(tidy(told))
    value = loss.last if len(loss) else 0.0
    shown = significant_digits(round(value, 5)) >= digits and round(value, 4) != _LN2
    return loss if shown and bool(np.all(np.abs(loss.value - value) <= 1e-6 * abs(value))) else None


def repeats(column: Column, share: float) -> Repeat | None:
    """Return the value that ``share`` of the records of a tidied, finite ``column`` repeat, or None.

    The series must else be noisy: neighbours that differ lie apart by :data:`NOISY` units of the last digit, so that no
    value repeats by chance. Zeros, and values that a loop carries along until the next one, are no repeats.
    """
    value = column.value
    fewest = max(_RECORDS, share * value.size)
    if value.size < FEWEST:
        return None
    found = _at_an_extreme(column, fewest) or _standing(column, fewest)
    return found if found is not None and _noisy(value) else None


def _at_an_extreme(column: Column, fewest: float) -> Repeat | None:
    """The largest or the smallest value, with others between its records."""
    value = column.value
    for extreme in (float(value.max()), float(value.min())):
        at = np.flatnonzero(value == extreme)
        if at.size >= fewest and extreme != 0 and at[-1] - at[0] + 1 > at.size:
            return Repeat(extreme, int(at.size), float(column.step[at[0]]), float(column.step[at[-1]]), True)
    return None


def _standing(column: Column, fewest: float) -> Repeat | None:
    """The longest stretch of one value, in a series that is new in most of its other records."""
    value = column.value
    if int(np.count_nonzero(value[1:] == value[:-1])) < fewest - 1:
        return None
    one = still(column)
    if one is None or one.count < fewest or one.value == 0:
        return None
    rest = value[(column.step < one.first) | (column.step > one.last)]
    if rest.size > 1 and float(np.mean(np.diff(rest) != 0)) < _CARRIED:
        return None
    # at an extreme and left again it is a limit, and so is a round number; others may stand at one by chance
    left = one.last < column.step[-1] or significant_digits(one.value) <= _ROUND
    limit = one.value in (value.max(), value.min()) and left
    return Repeat(one.value, one.count, one.first, one.last, limit)


def resolution(values: Floats) -> float:
    """Return the last digit that any of ``values`` shows, as a share of their level; NaN for none, or a level of 0."""
    some = sample(values)
    level = float(median(np.abs(some))) if some.size else 0.0
    units = [found for found in map(unit, some.tolist()) if found > 0]
    return min(units) / level if level and units else float("nan")


def _noisy(value: Floats) -> bool:
    steps = np.abs(np.diff(value))
    moved = steps[steps > 0]
    return moved.size >= NOISY and float(median(moved)) >= NOISY * min(map(unit, sample(value).tolist()))
