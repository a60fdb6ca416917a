"""Where a series is thrown up from one record to the next, stays up for some, and comes down again."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median

FEWEST = 20
"""Records before which nothing is judged."""

_BESIDE, _AFTER, _MOST = 7, 3, 16
"""Records that stand for the level before, those that must stay up, and places that are looked at."""

_AHEAD = 0.25
"""The share of the records within which half of the rise must be lost again."""


@sealed
class Leap:
    """At ``step`` the level rises from ``before`` to ``after``; half of that is lost after ``records`` of them."""

    step: float
    before: float
    after: float
    records: int


def leaps(column: Column, sigmas: float, share: float, floor: float) -> list[Leap]:
    """Return the leaps of a tidied, finite ``column``, the highest first.

    A rise counts from ``sigmas`` deviations of neighbours on, ``share`` of the level before it and ``floor``. The
    deviation is of differences, robust, about that place: no slope and no other leap adds to it. A single record that
    stands out is none. Linear in the length.
    """
    value = column.value
    if value.size < FEWEST:
        return []
    steps = np.diff(value)
    largest = np.argpartition(-steps, min(_MOST, steps.size) - 1)[:_MOST]
    places = largest[np.argsort(-steps[largest], kind="stable")] + 1
    found = [leap for at in places.tolist() if (leap := _leap(column, at, sigmas, share, floor)) is not None]
    apart: list[Leap] = []
    for leap in sorted(found, key=lambda one: one.before - one.after):  # of one height: the largest step
        if all(abs(leap.step - other.step) > _BESIDE * _gap(column) for other in apart):
            apart.append(leap)
    return apart


def _leap(column: Column, at: int, sigmas: float, share: float, floor: float) -> Leap | None:
    value = column.value
    before, after = value[max(0, at - _BESIDE) : at], value[at : at + _AFTER + 2]
    if before.size < _BESIDE or after.size < _AFTER:
        return None
    low, high = float(median(before)), float(median(after))
    rise = high - low
    if not rise > max(sigmas * _noise(value, at), share * abs(low), floor):
        return None
    half = low + 0.5 * rise
    later = value[at : at + max(10, int(_AHEAD * value.size))]
    up = np.flatnonzero(later > half)
    down = np.flatnonzero(later[up[0] :] < half) if up.size else np.empty(0)
    # what stays up is a change of level, and what was as high before is noise
    if not down.size or down[0] < _AFTER or float(before.max()) > half:
        return None
    return Leap(float(column.step[at]), low, high, int(down[0]))


def _noise(value: Floats, at: int) -> float:
    """The robust deviation of neighbours before a place."""
    beside = value[max(0, at - 64) : at]
    return 1.4826 * float(median(np.abs(np.diff(beside)))) / np.sqrt(2) if beside.size > 2 else 0.0


def _gap(column: Column) -> float:
    return float(median(np.diff(column.step)))
