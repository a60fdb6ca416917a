"""Single records that stand out at a fixed distance from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median, medians

FEWEST = 6
"""Fewest records that stand out."""

_LAST, _BESIDE = 4096, 4
"""So many of the last records are looked at; so many on either side tell the level about one."""

_SHORTEST, _LONGEST = 3, 512
"""Distances that are looked for, in records."""


_Found = tuple[int, NDArray[np.intp], int]
"""The distance, the records that stand out there, and how many there are there."""


@sealed
class Regular:
    """Every ``distance`` records, or, where that is 0, after each of some steps, one stands out.

    It does so from ``first`` to ``last`` (steps), and stands ``by`` above the level, or below it.
    ``steps`` is the distance in steps; ``hits`` of the ``of`` records there stand out.
    """

    distance: int
    steps: float
    first: float
    last: float
    by: float
    level: float
    hits: int
    of: int


def regular(column: Column, steps: Floats, sigmas: float, share: float) -> Regular | None:
    """Return where records of a tidied, finite ``column`` stand out: first after each of ``steps``, else at a distance.

    One stands out by ``sigmas`` robust deviations from the median of the records about it. The share ``share`` of the
    records there must do so, on the same side, and as much of all that do must be there. The distance is the shortest
    one; it is 0 for the first records after ``steps``, which need have none. Linear in the length.
    """
    step, value = column.step[-_LAST:], column.value[-_LAST:]
    if value.size < FEWEST * _SHORTEST:
        return None
    level = _about(value)
    height = value - level
    noise = _noise(height)
    if not noise > 0:
        return None
    out = np.abs(height) > sigmas * noise
    for side in (out & (height > 0), out & (height < 0)):
        places = np.flatnonzero(side)
        found = _after(step, side, steps, share) or _distance(places, value.size, share)
        if found is None:
            continue
        distance, here, of = found
        return Regular(
            distance,
            float(median(np.diff(steps))) if distance == 0 else distance * float(median(np.diff(step))),
            float(step[here[0]]),
            float(step[here[-1]]),
            float(median(height[here])),
            float(median(level[here])),
            int(here.size),
            of,
        )
    return None


def outlying(column: Column, sigmas: float) -> NDArray[np.bool_]:
    """Return which records of a tidied, finite ``column`` stand ``sigmas`` robust deviations from those about them.

    The level is followed by a running median, so that no trend counts. Of a long log the last records are looked at.
    """
    found = np.zeros(len(column), dtype=bool)
    value = column.value[-_LAST:]
    if value.size > 2 * _BESIDE:
        height = value - _about(value)
        bends = np.abs(np.diff(value, 2)) / np.sqrt(6)
        found[-value.size :] = np.abs(height) > max(sigmas * max(_noise(height), _noise(bends)), 1e-9)
    return found


def _after(step: Floats, out: NDArray[np.bool_], steps: Floats, share: float) -> _Found | None:
    places = np.unique(np.searchsorted(step, steps[steps >= step[0]], side="right"))
    places = places[places < step.size]
    if places.size < FEWEST or places.size * _SHORTEST > step.size:
        return None
    here = places[out[places]]
    enough = here.size >= max(FEWEST, share * places.size, share * int(out.sum()))
    return (0, here, int(places.size)) if enough else None


def _distance(places: NDArray[np.intp], size: int, share: float) -> _Found | None:
    if places.size < FEWEST:
        return None
    for distance in range(_SHORTEST, min(_LONGEST, size // FEWEST) + 1):
        counts = np.bincount(places % distance, minlength=distance)
        phase = int(np.argmax(counts))
        of = -(-(size - phase) // distance)
        if counts[phase] >= max(FEWEST, share * of, share * places.size):
            return distance, places[places % distance == phase], of
    return None


def _about(value: Floats) -> Floats:
    """The running median, float64 [records]."""
    padded = np.pad(value, _BESIDE, mode="reflect")  # that repeats no edge
    found: Floats = medians(np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1))
    return found


def _noise(height: Floats) -> float:
    """The standard deviation of heights, by the quantile that a third of outliers and a quiet half leave alone."""
    return float(np.quantile(np.abs(height), 0.6)) / 0.8416
