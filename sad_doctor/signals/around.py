"""The training's records about the steps of an evaluation, and the one term that an evaluation is of."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy

AROUND = 5
"""Training records on either side of an evaluation."""

_NEAR = 0.06
"""The share by which an evaluation on other texts may lie beyond the training's records about it."""

_FEWEST, _STEADY = 4, 0.12
"""Evaluations, and how far their ratio to one term may lie from its median, to be that term times a number."""

_GUESS = 12.5
"""Nats that guessing every token of the largest vocabulary alike costs: a mean over labels is below."""


def around(column: Column, steps: Floats) -> Floats:
    """Return the median of the records around each step, float64 [steps]; of a column with one record at least."""
    return np.array([float(median(window)) for window in _windows(column, steps)])


def after(column: Column, steps: Floats) -> Floats:
    """Return the median of the :data:`AROUND` records after each step, float64 [steps]; NaN where there is none."""
    places = np.searchsorted(column.step, steps, side="right").tolist()
    windows = [column.value[at : at + AROUND] for at in places]
    return np.array([float(median(window)) if window.size else np.nan for window in windows])


def term_evaluated(run: Run, evaluation: Column, *, counts: bool = False) -> str | None:
    """Return the raw term that a finite ``evaluation`` is of, where weights of raw terms are told or found.

    The evaluation lies among the term's records about each of its steps, and near their median in the median: where all
    falls, a single one may lie far from it. With ``counts`` a label loss too that :func:`label_evaluated` finds.
    """
    if counts and (label := label_evaluated(run, evaluation)) is not None:
        return label
    if not len(evaluation) or parts(run).source != "raw x weight":
        return None
    for term, told in run.terms(names.RAW).items():
        column = finite(tidy(told))
        if not len(column):
            continue
        windows = _windows(column, evaluation.step)
        gaps = [abs(value / float(median(w)) - 1) for value, w in zip(evaluation.value, windows, strict=True)]
        low, high = (np.array([end(window) for window in windows]) for end in (np.min, np.max))
        among = (evaluation.value > (1 - _NEAR) * low) & (evaluation.value < (1 + _NEAR) * high)
        if float(median(gaps)) < 2 * _NEAR and bool(np.all(among)):
            return term
    return None


def label_evaluated(run: Run, evaluation: Column) -> str | None:
    """Return the label loss that a finite ``evaluation`` is of before a weight that nobody tells, or None.

    It is the same number of times that part of the training's total at each of :data:`_FEWEST` evaluations or more,
    while the total itself is not.
    """
    terms, total = parts(run).terms, run.get(names.LOSS)
    mean = (evaluation.value > 0) & (evaluation.value < _GUESS)
    if total is None or len(evaluation) < _FEWEST or not np.all(mean):
        return None
    whole = _unsteady(around(finite(tidy(total)), evaluation.step), evaluation.value)
    for term in terms.keys() & names.ANCHORS:
        column = finite(tidy(terms[term]))
        off = _unsteady(around(column, evaluation.step), evaluation.value) if len(column) else np.inf
        if off < _STEADY and off < 0.5 * whole:
            return term
    return None


def _unsteady(level: Floats, value: Floats) -> float:
    """How far the ratio of two lies from its median at most, as a share; infinity where it tells nothing."""
    if not np.all(level > 0):
        return float("inf")
    ratio = value / level
    return float(np.max(np.abs(ratio / median(ratio) - 1)))


def _windows(column: Column, steps: Floats) -> list[Floats]:
    places = np.clip(np.searchsorted(column.step, steps), 0, len(column) - 1)
    return [column.value[max(0, at - AROUND) : at + AROUND + 1] for at in places.tolist()]
