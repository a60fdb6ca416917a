"""Where a new pass over the texts begins, and what comes before the second."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, gain, tidy
from sad_doctor.signals.switches import Jump

_NEAR = 1.5
"""So many records off, the border still is that of the epoch: a record may stand for the steps before it."""

_SIDE, _LEAST = 20, 3
"""Records on either side of a border, at most and at least, that tell what a series is there."""

_SIGMAS = 3.0
"""So many standard errors are sure."""

_SCANNED = 1000
"""So many points of a series, at most, in which the borders of passes are looked for."""

_SHARP = 6
"""The share of a side, one in so many, by which the place of a fall may miss the border."""

_STEEPER = 3
"""So many times what a series falls within a pass, over as many records, is a fall at its border."""


def _epochs(run: Run) -> Column | None:
    """The epochs that the log tells, in order and finite; None without any."""
    found = run.get(names.EPOCH)
    return None if found is None else finite(tidy(found))


def pass_begins(run: Run, at: float) -> int | None:
    """Return which pass over the texts begins about the step ``at``, the first being 1; None if none does there.

    By an epoch that is logged with its fraction, or that is counted from 0.
    """
    epoch = _epochs(run)
    if epoch is None or len(epoch) < 3 or np.any(np.diff(epoch.value) < 0):
        return None
    passes = np.floor(epoch.value + 1e-6)
    begins = np.flatnonzero(np.diff(passes) > 0) + 1
    if not begins.size:
        return None
    nearest = int(begins[np.argmin(np.abs(epoch.step[begins] - at))])
    gap = float(median(np.diff(epoch.step)))
    return int(passes[nearest]) + 1 if abs(float(epoch.step[nearest]) - at) <= _NEAR * gap else None


def in_first_pass(run: Run, steps: Floats) -> int:
    """Return how many of ``steps``, float64 [n] and rising, come before a text was seen again; 0 with no epoch told."""
    epoch = _epochs(run)
    if epoch is None or not len(epoch) or not float(epoch.value.max()) > 0:
        return 0
    return int(np.count_nonzero(np.interp(steps, epoch.step, epoch.value) <= 1))


def drops_at_passes(run: Run, column: Column) -> list[Jump]:
    """Return the falls of a tidy ``column`` where the second pass over the texts begins, the third, and so on.

    Empty where fewer than two begin, or where it does not fall at each by several times what it falls within the pass
    before; or not surely, all of them together. A student that knows texts when they come again does so. In a log
    without epochs passes are looked for: three falls or more at one distance from the first record on, and surer ones.
    """
    epoch = _epochs(run)
    if epoch is None:
        column = _thinned(column)
        every = _distance(column.value)
        edges = np.arange(every, len(column), every) if every else np.empty(0, dtype=int)
        sigmas, fewest = 2 * _SIGMAS, 3
    elif len(epoch) < 2 or np.any(np.diff(epoch.value) < 0):
        return []
    else:
        passes = np.floor(np.interp(column.step, epoch.step, epoch.value) + 1e-6)
        edges, sigmas = np.flatnonzero(np.diff(passes) > 0) + 1, _SIGMAS
        fewest = 2
    borders = [0, *(int(at) for at in edges if len(column) - at >= _LEAST), len(column)]
    drops, errors = [], []
    for start, at, end in zip(borders, borders[1:], borders[2:], strict=False):
        side = min(_SIDE, (at - start) // 3, (end - at) // 2)
        if side < _LEAST:
            return []
        before, after = column.value[at - side : at], column.value[at : at + side]
        within = gain(column.value[start : start + side], before)
        slope = max(0.0, within.amount) * side / (at - start - side)
        fall = gain(before, after)
        # a border that is looked for must be sure by itself
        if fall.amount <= _STEEPER * slope or (epoch is None and not fall.surely_above(0.0)):
            return []
        errors.append(fall.error)
        drops.append(Jump(float(column.step[at]), float(median(before)), float(median(after))))
    whole = sum(drop.before - drop.after for drop in drops)
    return drops if len(drops) >= fewest and whole > sigmas * float(np.linalg.norm(errors)) else []


def _thinned(column: Column) -> Column:
    """The column in :data:`_SCANNED` means of neighbours at most, each at the step of its first record."""
    each = -(-len(column) // _SCANNED)
    count = len(column) // each if each else 0
    rows = column.value[: count * each].reshape(count, each)
    return column if each < 2 else Column(column.step[: count * each : each], rows.mean(axis=1))


def _distance(value: Floats) -> int:
    """The number of records between falls that come again and again from the first record on; 0 without any."""
    sums, best = np.append(0.0, np.cumsum(value)), (0.0, 0)
    for every in range(3 * _LEAST, (value.size - _LEAST) // 2 + 1):
        side = min(_SIDE, every // 3)
        at = np.arange(every, value.size - side + 1, every)
        falls = (2 * sums[at] - sums[at - side] - sums[at + side]) / side
        score = float(falls.mean()) * float(np.sqrt(side * at.size))
        if score > best[0] and float(falls.min()) > 0:
            best = (score, every)
    return best[1] if best[1] and _sharp(sums, value.size, best[1]) else 0


def _sharp(sums: Floats, size: int, every: int) -> bool:
    """Whether a series falls at the borders themselves and not about them: most of them are where it falls most."""
    side = min(_SIDE, every // 3)
    at = np.arange(every, size - 2 * side + 1, every)
    shifts = np.arange(-side, side + 1)
    near = at[:, None] + shifts
    falls = 2 * sums[near] - sums[near - side] - sums[near + side]
    return bool(at.size) and float(median(np.abs(shifts[np.argmax(falls, axis=1)]))) <= max(1, side // _SHARP)
