"""Single values of exactly 0 among others well above it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sad_doctor.run import Column, Floats
from sad_doctor.signals.middle import median

_NONE = np.empty(0, np.intp)


def zeros_in_turn(column: Column, least: int, floor: float) -> NDArray[np.intp]:
    """Return where a column of finite values is 0, if that is at one distance throughout; else nothing.

    Nothing either where there are fewer than ``least`` zeros, more of them than others, where they stand side by side,
    or another value is below ``floor``.
    """
    zero = np.flatnonzero(column.value == 0)
    others = column.value[column.value != 0]
    if zero.size < 2 or not least <= zero.size <= others.size:
        return _NONE
    if np.min(others) < floor or np.ptp(np.diff(zero)) > 0 or zero[-1] - zero[0] + 1 == zero.size:
        return _NONE
    return zero


def zeros_astray(column: Column, off: Floats, least: int, share: float, floor: float) -> NDArray[np.intp]:
    """Return where a column is 0 at no regular distance, between its first and last value; else nothing.

    ``off`` are steps at which it may be. Nothing where there are fewer than ``least``, more than ``share`` of all
    values, or the median of the others is below ``floor``.
    """
    zero = np.flatnonzero(column.value == 0)
    zero = zero[~np.isin(column.step[zero], off)]
    inside = zero[(zero > 0) & (zero < len(column) - 1)]
    if not inside.size or not least <= inside.size <= share * len(column):
        return _NONE
    # a term that is computed at every tenth step only is meant so
    regular = np.ptp(np.diff(inside)) == 0
    return _NONE if regular or median(column.value[column.value != 0]) < floor else inside
