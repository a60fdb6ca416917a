"""The training's records about the steps of an evaluation, and the one term that an evaluation is of."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy

AROUND = 5
"""Training records on either side of an evaluation."""

_NEAR = 0.06
"""The share by which an evaluation on other texts may lie beyond the training's records about it."""


def around(column: Column, steps: Floats) -> Floats:
    """Return the median of the records around each step, float64 [steps]; of a column with one record at least."""
    return np.array([float(np.median(window)) for window in _windows(column, steps)])


def term_evaluated(run: Run, evaluation: Column) -> str | None:
    """Return the raw term that a finite ``evaluation`` is of, where weights of raw terms are told or found.

    The evaluation lies among the term's records about each of its steps, and near their median in the median: where all
    falls, a single one may lie far from it.
    """
    if not len(evaluation) or parts(run).source != "raw x weight":
        return None
    for term, told in run.terms(names.RAW).items():
        column = finite(tidy(told))
        if not len(column):
            continue
        windows = _windows(column, evaluation.step)
        gaps = [abs(value / float(np.median(w)) - 1) for value, w in zip(evaluation.value, windows, strict=True)]
        low, high = (np.array([end(window) for window in windows]) for end in (np.min, np.max))
        among = (evaluation.value > (1 - _NEAR) * low) & (evaluation.value < (1 + _NEAR) * high)
        if float(np.median(gaps)) < 2 * _NEAR and bool(np.all(among)):
            return term
    return None


def _windows(column: Column, steps: Floats) -> list[Floats]:
    places = np.clip(np.searchsorted(column.step, steps), 0, len(column) - 1)
    return [column.value[max(0, at - AROUND) : at + AROUND + 1] for at in places.tolist()]
