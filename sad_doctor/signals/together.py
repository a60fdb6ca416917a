"""How far KD and the label loss are on their ways, beside one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.signals.blocks import blocks, fall
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import gain


def share_done(column: Column, count: int) -> tuple[Floats, Floats, float] | None:
    """Return the share of its largest fall that a series has done in each of ``count`` blocks, the standard error of
    these shares, float64 [blocks] both, and the fall that is sure, as a share of the first level.

    None where no fall stands out of the noise.
    """
    found = blocks(column, count)
    few = column.value[: max(3, len(column) // 40)]
    first = float(median(few))
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
    the largest that noise leaves, nats; the levels of both that the line is drawn through; and whether the label loss
    has ``settled``: nine tenths of its fall were done by the last two fifths.

    The label loss is the teacher's own plus the KL, so it is about the teacher's label loss, whatever constant KD is
    multiplied by.
    """

    label: float
    at_most: float
    kd: tuple[float, float]
    lm: tuple[float, float]
    settled: bool


def label_at_no_kd(kd: Column, lm: Column, first: int) -> AtNoKd | None:
    """Return it from the first ``first`` records and the last fifth; None where one of the two does not surely fall."""
    ends = [(c.value[:first], c.value[-max(first, len(c) // 5) :]) for c in (kd, lm)]
    levels = [(float(median(early)), float(median(late))) for early, late in ends]
    soft, labels = (gain(*pair) for pair in ends)
    (above, below), (begun, left) = levels
    if not (soft.surely_above(0.0) and labels.surely_above(0.0) and below > 0 and left > 0):
        return None
    # the least slope that noise leaves
    slope = (labels.amount - 3 * labels.error) / (soft.amount + 3 * soft.error)
    fifth = len(lm) // 5
    settled = float(median(lm.value[-2 * fifth : -fifth])) - left < 0.1 * labels.amount
    label = begun - above * (begun - left) / (above - below)
    return AtNoKd(label, begun - above * slope, levels[0], levels[1], settled)


def came_trained(kd: Column, lm: Column) -> bool:
    """Return whether KD loses more than half of itself beside a label loss that does not surely fall by a fiftieth.

    A student that knows the text before the first step has a small KL, of a KD that is as it should be.
    """
    soft, labels = fall(kd, quick=True), fall(lm)
    if soft is None or labels is None:
        return False
    began = [float(median(c.value[: max(3, len(c) // 10)])) for c in (kd, lm)]
    return soft.surely_above(0.0) and soft.amount > began[0] / 2 and not labels.surely_above(began[1] / 50)
