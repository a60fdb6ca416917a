"""The range of an axis and the places of its labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from sad_doctor.run import Column, Floats

_LARGEST = float(np.finfo(np.float64).max)
_SOME = 8
"""Steps at either end of a column by which whole-numbered steps are told from fractions."""
WIDE = 20.0
"""A positive series whose largest value is this many times its smallest is drawn on a log scale unless told not to."""


def values(columns: Iterable[Column]) -> Floats:
    """Return every finite value of the columns in one array."""
    parts = [c.value[np.isfinite(c.value)] for c in columns]
    return np.concatenate(parts) if parts else np.zeros(0)


def wants_log(value: Floats) -> bool:
    """Return whether finite values span so much that a linear axis would flatten them."""
    return bool(value.size) and bool(value.min() > 0) and float(value.max()) / WIDE > float(value.min())


def extent(value: Floats, log: bool) -> tuple[float, float]:
    """Return the lowest and highest value to show, a little wider than the data; (0, 1) or (0.1, 1) for none.

    The range keeps every value inside. On a log scale only positive values count.
    """
    found = ends(value, log)
    return padded(*found, log) if found else nothing(log)


def nothing(log: bool) -> tuple[float, float]:
    """Return the range of an axis that has no value to show."""
    return (0.1, 1.0) if log else (0.0, 1.0)


def ends(value: Floats, log: bool) -> tuple[float, float] | None:
    """Return the lowest and the highest of finite values, of the positive ones on a log scale; None for none."""
    value = value[value > 0] if log else value
    return (float(value.min()), float(value.max())) if value.size else None


def padded(low: float, high: float, log: bool) -> tuple[float, float]:
    """Return a range a little wider than from ``low`` to ``high``; what is not negative stays so."""
    if log:
        if low == high:
            return max(low / 2, 5e-324), min(high * 2, _LARGEST)
        margin = (high / low) ** 0.04 if low > high / _LARGEST else 1.0
        return max(low / margin, 5e-324), min(high * margin, _LARGEST)
    pad = (high / 2 - low / 2) * 0.08 if high > low else max(abs(low) * 0.1, 0.5 if low == 0 else 0.0)
    floor = low - pad if low < 0 else max(0.0, low - pad)
    return max(floor, -_LARGEST), min(high + pad, _LARGEST)


def span(columns: Iterable[Column]) -> tuple[float, float]:
    """Return the first and last finite step of the columns; (0, 1) when there is none."""
    ends = [end for c in columns if (end := _ends(c.step)) is not None]
    if not ends:
        return 0.0, 1.0
    return min(a for a, _ in ends), max(b for _, b in ends)


def _ends(step: Floats) -> tuple[float, float] | None:
    if not step.size:
        return None
    low, high = float(step.min()), float(step.max())
    if math.isfinite(low) and math.isfinite(high):  # the usual case, without a copy of a million steps
        return low, high
    finite = step[np.isfinite(step)]
    return (float(finite.min()), float(finite.max())) if finite.size else None


def between(columns: Iterable[Column]) -> float:
    """Return how far apart the labels of the steps must be: 1 where steps are counted, 0 where they are fractions."""
    ends = np.concatenate([np.zeros(0), *(end for c in columns for end in (c.step[:_SOME], c.step[-_SOME:]))])
    ends = ends[np.isfinite(ends)]
    return 1.0 if ends.size and bool(np.all(ends == np.rint(ends))) else 0.0


def ticks(low: float, high: float, most: int, log: bool = False, least: float = 0.0) -> list[float]:
    """Return at most ``most`` round values between ``low`` and ``high``, rising; at least one where there is room.

    On a linear axis they lie ``least`` apart or more.
    """
    if most < 1 or not (math.isfinite(low) and math.isfinite(high)) or not low < high:
        return []
    found = _decades(low, high, most) if log else []
    return found if len(found) > 1 else _linear(low, high, most, least)


def _linear(low: float, high: float, most: int, least: float) -> list[float]:
    rough = max(high / max(most, 1) - low / max(most, 1), least)
    if not rough > 0 or not math.isfinite(rough):
        return [low]
    unit = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 50.0):
        size = unit * factor
        if size <= 0 or not math.isfinite(size) or (least and (size < least or size % least)):
            continue
        first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
        if last - first < most:
            return [n * size for n in range(first, last + 1)] or [low]
    return [low]


def _decades(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    whole = [10.0**n for n in range(first, last + 1) if -307 < n < 308]
    if len(whole) > most:
        return whole[:: -(-len(whole) // most)]
    for parts in ((1, 2, 5), (1, 3)):
        finer = [10.0**n * p for n in range(first - 1, last + 1) for p in parts if -307 < n < 308]
        finer = [v for v in finer if low <= v <= high]
        if len(finer) <= most:
            return finer
    return whole
