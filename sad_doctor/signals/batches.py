"""The numbers that every batch gives anew, and how much of each is the noise of its batches."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.precision import sample, unit
from sad_doctor.signals.series import finite, tidy

_TERMS = (names.RAW, names.UNWEIGHTED, names.WEIGHTED)
_MEASURED = 1e-7
"""The share of the level below which a unit is that of a number which nobody measured in single precision."""
_ONES = (names.LOSS, names.GRAD_NORM, names.TEACHER_LOSS, names.TEACHER_ENTROPY)


def per_batch(run: Run, fewest: int) -> dict[str, Column]:
    """Return the training's measured series by name, tidy and finite, each with ``fewest`` points or more.

    The total, the terms, the gradient norm, and the teacher's loss and entropy on the same batches.
    """
    wanted = [name for name in run.columns if name in _ONES or name.startswith(_TERMS)]
    known = {name: finite(tidy(run.columns[name])) for name in wanted}
    return {name: column for name, column in known.items() if len(column) >= fewest}


def neighbours(values: Floats) -> float:
    """Return the median distance of neighbours, as a share of the median size; 0 for fewer than two or a level of 0."""
    level = float(median(np.abs(values))) if values.size else 0.0
    return float(median(np.abs(np.diff(values)))) / level if values.size > 1 and level else 0.0


def noise_share(values: Floats, *, at_most: bool = False) -> float:
    """Return the deviation of neighbours from a curve through them, as a share of the level; NaN if coarse.

    From second differences, which have sqrt(6) of it and which no slope moves. A series that moves by less than two
    units of the last printed digit is too coarse to tell, and so is one of fewer than four values or at 0. With
    ``at_most`` such a series has that noise which two units would be, unless it shows all digits of a straight line.
    """
    level = abs(float(median(values))) if values.size >= 4 else 0.0
    if not level:
        return float("nan")
    second = float(median(np.abs(np.diff(values, 2))))
    coarse = 2 * min(map(unit, sample(values).tolist()))
    if second < coarse and not (at_most and coarse > _MEASURED * level):
        return float("nan")
    second = max(second, coarse)
    return 1.4826 * second / float(np.sqrt(6)) / level
