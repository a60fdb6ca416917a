"""How far KD and the label loss are on their ways, beside one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.signals.blocks import blocks
from sad_doctor.signals.series import gain


def share_done(column: Column, count: int) -> tuple[Floats, Floats, float] | None:
    """Return the share of its largest fall that a series has done in each of ``count`` blocks, the standard error of
    these shares, float64 [blocks] both, and the fall that is sure, as a share of the first level.

    None where no fall stands out of the noise.
    """
    found = blocks(column, count)
    few = column.value[: max(3, len(column) // 40)]
    first = float(np.median(few))
    if found is None or not first > 0:
        return None
    at = int(np.argmin(found.middle))
    fall = first - float(found.middle[at])
    error = float(np.hypot(found.error[at], found.error[0]))
    if fall <= 4 * error:
        return None
    return (first - found.middle) / fall, np.hypot(found.error, found.error[0]) / fall, (fall - 3 * error) / first


@dataclass(frozen=True, slots=True)
class AtNoKd:
    """Where the label loss would stand were KD 0, by the line through beginning and end: its most likely value and
    the largest that noise leaves, nats; and the levels of both that the line is drawn through.

    The label loss is the teacher's own plus the KL, so it is about the teacher's label loss, whatever constant KD is
    multiplied by.
    """

    label: float
    at_most: float
    kd: tuple[float, float]
    lm: tuple[float, float]


def label_at_no_kd(kd: Column, lm: Column, first: int) -> AtNoKd | None:
    """Return it from the first ``first`` records and the last fifth; None where one of the two does not surely fall."""
    ends = [(c.value[:first], c.value[-max(first, len(c) // 5) :]) for c in (kd, lm)]
    levels = [(float(np.median(early)), float(np.median(late))) for early, late in ends]
    soft, labels = (gain(*pair) for pair in ends)
    (above, below), (begun, left) = levels
    if not (soft.surely_above(0.0) and labels.surely_above(0.0) and below > 0 and left > 0):
        return None
    # the least slope that noise leaves
    slope = (labels.amount - 3 * labels.error) / (soft.amount + 3 * soft.error)
    return AtNoKd(begun - above * (begun - left) / (above - below), begun - above * slope, *levels)
