"""What an evaluation's total is made of, by the training's parts about it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.around import AROUND, around, term_evaluated
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy

_MOST = 6
"""With more terms some of them sum to anything."""

ADDED = 0.25
"""How far from the training's total what an evaluation adds may lie, as a share of that total."""

_AS_NEAR = 0.02
"""By how much less a label loss alone may come near, to be what is meant: a term that small is not to be seen."""


@dataclass(frozen=True)
class MadeOf:
    """Terms that are an evaluation's total, those that are not in it, and what all of them sum to at the end."""

    terms: tuple[str, ...]
    out: tuple[str, ...]
    whole: float
    weighted: bool
    """Whether the terms sum to the total after their weights; else it is the label loss before its weight."""


def adds_itself(evaluation: Column, level: Floats) -> bool:
    """Whether each evaluation is the one before and the training's ``level`` at its step, float [evaluations]."""
    added = np.abs(np.diff(evaluation.value) / level[1:] - 1)
    return bool(np.all(added < ADDED)) and float(median(added)) <= 0.5 * ADDED


def made_of(run: Run, evaluation: Column, apart: float, near: float) -> MadeOf | None:
    """Return the terms that sum to the evaluation's total at each of its steps, where all terms of the run do not.

    ``apart`` is how far all of them must lie from it, ``near`` how far some of them may, as shares of the total. None
    where too few records or terms are logged, or too many terms, or where no terms fit.
    """
    terms = {term: finite(tidy(column)) for term, column in parts(run).terms.items()}
    if not 2 <= len(terms) <= _MOST or any(len(column) < 4 * AROUND for column in terms.values()):
        return None
    levels = {term: around(column, evaluation.step) for term, column in terms.items()}
    whole = np.sum(list(levels.values()), axis=0)
    missed = np.abs(whole / evaluation.value - 1)
    if not bool(np.all(missed > apart)):
        return None
    subsets = [some for count in range(1, len(terms)) for some in combinations(terms, count)]
    misses = {some: np.abs(np.sum([levels[term] for term in some], axis=0) / evaluation.value - 1) for some in subsets}
    typical = {some: float(median(miss)) for some, miss in misses.items()}
    best = min(subsets, key=lambda some: typical[some])
    fits = typical[best] < min(near, float(median(missed)) / 3) and bool(np.all(misses[best] < missed))
    label = next((term for term in terms if term in names.ANCHORS), None)
    raw = label is not None and term_evaluated(run, evaluation) == label
    if label is not None and (typical[label,] < typical[best] + _AS_NEAR if fits else raw):
        best = (label,)
    elif not fits:
        return None
    out = tuple(term for term in terms if term not in best)
    return MadeOf(tuple(best), out, float(whole[-1]), fits)
