"""How exactly a number was printed: a log tells 4 digits of a float, and no test may ask for more."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Floats

_Scalar = TypeVar("_Scalar", bound=np.generic)

FLOAT32 = 1e-6
"""Relative slack for a value that was computed in single precision."""


@lru_cache(maxsize=8192)  # several rules ask for the same records of a series
def unit(value: float) -> float:
    """Return the value of the last digit that the shortest spelling of ``value`` shows: 0.01 for 485165195.41.

    Trailing zeros do not survive parsing, so this is an upper bound of the printed resolution. 0 for non-finite.
    """
    if not math.isfinite(value):
        return 0.0
    told = repr(float(value))
    # a file of single precision writes 0.0078 as 0.007799999788...; what it cannot hold is a whole number
    if not value.is_integer() and float(single := np.float32(value)) == value:
        told = str(single)
    digits, _, scale = told.partition("e")
    whole, _, fraction = digits.partition(".")
    places = len(fraction.rstrip("0"))
    if not places and value:
        places = len(whole.rstrip("0")) - len(whole)
    return float(f"1e{int(scale or 0) - places}")


def significant_digits(value: float) -> int:
    """Return how many significant digits the shortest spelling of ``value`` has: 6 for 51.7094; 0 for 0 and NaN."""
    if not math.isfinite(value) or value == 0:
        return 0
    digits = repr(float(value)).partition("e")[0].lstrip("-").replace(".", "")
    return len(digits.strip("0"))


def tolerance(*values: float) -> float:
    """Return how far sums or differences of ``values`` may be off by printing and by single precision."""
    printed = 0.5 * sum(unit(v) for v in values)
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    # a round number such as 12 was not printed to the nearest ten: never forgive more than half a percent
    return float(np.minimum(printed * 1.01, 0.005 * largest)) + FLOAT32 * largest


def sample(values: NDArray[_Scalar], most: int = 256) -> NDArray[_Scalar]:
    """Return at most ``most`` of ``values``, evenly spaced, the first and the last among them."""
    if values.size <= most:
        return values
    return values[np.linspace(0, values.size - 1, most).astype(np.intp)]


_BITS = (8, 11)
_FIRST = 16
"""Of bfloat16 and of float16; so many records are looked at first."""

_TELLING = 0.5
"""The share of the values that must be printed finely enough to tell."""


def significand(values: Floats, fewest: int = 20) -> int:
    """Return the bits that all of ``values`` fit into, 8 as bfloat16 or 11 as float16; 0 for more, or if none can tell.

    A printed number fits if one that fits is rounded to it. Only those count that were printed in units of a quarter or
    less of what the bits resolve: ``fewest`` of them and the share :data:`_TELLING` of all, a tenth of them different.
    """
    known = sample(values[np.isfinite(values) & (values != 0)])
    widest = _off(few := known[:_FIRST], _BITS[-1])[0]
    if bool(np.any(widest > 0.5001 * _units(few))):
        return 0  # what does not fit into the most bits fits into none: most series end here
    units = _units(known)
    for bits in _BITS:
        off, step = _off(known, bits)
        tells = units <= 0.25 * step
        enough = int(tells.sum()) >= max(fewest, _TELLING * known.size) and np.unique(known).size > 0.1 * known.size
        if enough and bool(np.all(off <= 0.5001 * units)):
            return bits
    return 0


def _units(values: Floats) -> Floats:
    return np.array([unit(v) for v in values.tolist()], dtype=np.float64)


def _off(values: Floats, bits: int) -> tuple[Floats, Floats]:
    """How far each value is from the nearest one of so many bits, and how far those lie apart."""
    step: Floats = np.exp2(np.floor(np.log2(np.abs(values))) - (bits - 1))
    return np.abs(values - step * np.round(values / step)), step
