"""How the dashboard spells numbers, steps and times."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_USUAL, _MOST = 3, 8
"""Significant digits of a label: as a rule, and at most."""
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def odd(value: float) -> str | None:
    """Return the spelling of a number that is not finite, else None."""
    if math.isnan(value):
        return "NaN"
    return ("∞" if value > 0 else "-∞") if math.isinf(value) else None


def short(value: float, digits: int = _USUAL) -> str:
    """Return a label for an axis, of at most 7 characters with 3 digits: ``1.5k``, ``0.02``, ``1e-07``.

    Numbers with an exponent have two digits fewer.
    """
    if special := odd(value):
        return special
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-3:
        figures, _, power = f"{value:.{max(digits - 3, 0)}e}".partition("e")
        return f"{figures.rstrip('0').rstrip('.') if '.' in figures else figures}e{int(power)}"
    for unit, suffix in _SUFFIXES:
        if size >= unit:
            return f"{value / unit:.{digits}g}{suffix}" if size < 1000 * unit else f"{value / unit:.0f}{suffix}"
    return f"{value:.{digits}g}"


def labels(values: Sequence[float]) -> list[str]:
    """Return labels for the ticks of an axis, rising, with the digits that it takes to tell where each lies."""
    told = [short(value) for value in values]
    gap = min((b - a for a, b in itertools.pairwise(values)), default=math.inf)
    for digits in range(_USUAL, _MOST + 1):
        told = [short(value, digits) for value in values]
        figures = ((v, digits - 2 if 0 < abs(v) < 1e-3 or abs(v) >= 1e15 else digits) for v in values)
        if all(abs(float(f"{v:.{max(n, 1) - 1}e}") - v) <= gap / 50 for v, n in figures):
            break
    return told


def full(value: float) -> str:
    """Return a number to read: about five digits, thousands apart: ``21,700``, ``160.56``, ``2.05e+12``."""
    if special := odd(value):
        return special
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 1e10 or size < 1e-4:
        return f"{value:.3e}"
    if size >= 1000:
        return f"{value:,.0f}" if size >= 1e5 else f"{value:,.1f}"
    return f"{value:.{max(0, 4 - math.floor(math.log10(size)))}f}" if size >= 1 else f"{value:.4f}"


def step(value: float) -> str:
    """Return a step: a whole number with thousands apart, as most are, else with its fraction; ``1.000e+308``."""
    if special := odd(value):
        return special
    if abs(value) >= 1e15:
        return full(value)
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def percent(share: float, places: int = 0) -> str:
    """Return a fraction in per cent: 0.906 gives ``91%``."""
    return odd(share) or f"{100 * share:.{places}f}%"


def age(seconds: float) -> str:
    """Return a length of time in its largest unit: ``4 s``, ``12 min``, ``3 h``, ``2 d``."""
    if not math.isfinite(seconds) or seconds < 0:
        return "0 s"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def lasting(seconds: float) -> str:
    """Return a length of time in its two largest units: ``12 s``, ``3 min 20 s``, ``2 h 05 min``, ``4 d 3 h``."""
    if not math.isfinite(seconds) or seconds < 0:
        return "0 s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"
    return f"{seconds // 86400:.0f} d {seconds % 86400 // 3600:.0f} h"


def pace(rate: float) -> str:
    """Return steps a second as they are read best: ``2.3 steps/s``, ``14 s/step``, ``3 min 20 s/step``."""
    if not math.isfinite(rate) or rate <= 0:
        return "–"
    if rate >= 1:
        return f"{short(rate)} steps/s"
    return f"{1 / rate:.1f} s/step" if rate > 0.1 else f"{lasting(1 / rate)}/step"
