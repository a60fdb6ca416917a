"""Single records that stand out at a fixed distance from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Column, Floats

FEWEST = 6
"""Fewest records that stand out."""

_LAST, _BESIDE = 4096, 4
"""So many of the last records are looked at; so many on either side tell the level about one."""

_SHORTEST, _LONGEST = 3, 512
"""Distances that are looked for, in records."""


@dataclass(frozen=True, slots=True)
class Regular:
    """Every ``distance`` records, from ``first`` to ``last`` (steps), one stands ``by`` above the level, or below it.

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


def regular(column: Column, sigmas: float, share: float) -> Regular | None:
    """Return the shortest distance at which records of a tidied, finite ``column`` stand out, or None.

    One stands out by ``sigmas`` robust deviations from the median of the records about it. The share ``share`` of the
    records at that distance must do so, on the same side, and as much of all that do must be there. Linear in
    the length.
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
    for side in (height > 0, height < 0):
        places = np.flatnonzero(out & side)
        found = _distance(places, value.size, share) if places.size >= FEWEST else None
        if found is None:
            continue
        distance, phase, hits, of = found
        here = places[places % distance == phase]
        return Regular(
            distance,
            distance * float(np.median(np.diff(step))),
            float(step[here[0]]),
            float(step[here[-1]]),
            float(np.median(height[here])),
            float(np.median(level[here])),
            hits,
            of,
        )
    return None


def outlying(column: Column, sigmas: float) -> NDArray[np.bool_]:
    """Return which records of a tidied, finite ``column`` stand ``sigmas`` robust deviations from those about them.

    The level is followed by a running median, so that no trend counts. Linear in the length.
    """
    if len(column) < 2 * _BESIDE + 1:
        return np.zeros(len(column), dtype=bool)
    height = column.value - _about(column.value)
    bends = np.abs(np.diff(column.value, 2)) / np.sqrt(6)
    found: NDArray[np.bool_] = np.abs(height) > max(sigmas * max(_noise(height), _noise(bends)), 1e-9)
    return found


def after(column: Column, steps: Floats, sigmas: float, share: float) -> Regular | None:
    """Return as :func:`regular` the records that are the first ones after each of ``steps``, if those stand out.

    Their distance in records is 0, as it need not be one; that in steps is the median of ``steps``'s.
    """
    step, value = column.step[-_LAST:], column.value[-_LAST:]
    places = np.unique(np.searchsorted(step, steps[steps >= step[0]], side="right")) if step.size else np.empty(0, int)
    places = places[places < step.size]
    if places.size < FEWEST or places.size * _SHORTEST > value.size:
        return None
    level = _about(value)
    height = value - level
    noise = _noise(height)
    if not noise > 0:
        return None
    for side in (height > 0, height < 0):
        out = side & (np.abs(height) > sigmas * noise)
        here = places[out[places]]
        if here.size >= max(FEWEST, share * places.size, share * int(out.sum())):
            first, last = float(step[here[0]]), float(step[here[-1]])
            by, about = float(np.median(height[here])), float(np.median(level[here]))
            return Regular(
                0, float(np.median(np.diff(steps))), first, last, by, about, int(here.size), int(places.size)
            )
    return None


def _distance(places: np.ndarray, size: int, share: float) -> tuple[int, int, int, int] | None:
    """The distance, its phase, the hits, and the records at it."""
    for distance in range(_SHORTEST, min(_LONGEST, size // FEWEST) + 1):
        counts = np.bincount(places % distance, minlength=distance)
        phase = int(np.argmax(counts))
        hits, of = int(counts[phase]), -(-(size - phase) // distance)
        if hits >= max(FEWEST, share * of, share * places.size):
            return distance, phase, hits, of
    return None


def _about(value: Floats) -> Floats:
    """The running median, float64 [records]."""
    padded = np.pad(value, _BESIDE, mode="reflect")  # that repeats no edge
    found: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1), axis=1)
    return found


def _noise(height: Floats) -> float:
    """The standard deviation of heights, by the quantile that a third of outliers and a quiet half leave alone."""
    return float(np.quantile(np.abs(height), 0.6)) / 0.8416
