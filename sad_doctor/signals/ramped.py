"""A weight that a log does not tell and that moves throughout, beside another that stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.blocks import rank_correlation
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import table
from sad_doctor.signals.series import tidy

_FEWEST, _EVEN, _OF_BATCHES, _MOVES, _ORDER = 30, 3e-3, 5.0, 0.3, 0.95
"""Fewest records; the share of a weight by which it may be off a line through its neighbours; how many times that the
noise of the batches must be; the share that a weight must move by; its rank correlation with time."""

_MANY = 2000
"""So many records are enough, and a longer run is thinned."""


@dataclass(frozen=True, slots=True)
class Ramped:
    """The total is ``beside`` times ``constant`` and ``term`` times a weight that goes from ``first`` to ``last``, its
    levels over a fifth of the records; ``step`` and ``end`` are the steps of the first and the last record.
    """

    term: str
    first: float
    last: float
    beside: str
    constant: float
    step: float
    end: float


def ramped(run: Run) -> Ramped | None:
    """Return the weight that moves, in a log of a total and two raw terms without weights; None where none surely does.

    Divided by one term, the total is this term's weight plus the other's weight times their ratio. The ratio has the
    noise of the batches and the weight has none, so the other's weight is the one that leaves the smoothest rest.
    Linear in the length.
    """
    raw, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or len(raw) != 2 or run.terms(names.WEIGHT) or run.terms(names.WEIGHTED):
        return None
    every = max(1, len(total) // _MANY)
    step, values = table({name: _thinned(column, every) for name, column in {**raw, "": total}.items()})
    keep = np.isfinite(np.stack([values[name] for name in (*raw, "")])).all(axis=0)
    step, values = step[keep], {name: column[keep] for name, column in values.items()}
    if step.size < _FEWEST or any(np.any(values[term] <= 0) for term in raw):
        return None
    first, second = raw
    for term, beside in ((first, second), (second, first)):
        ratio, scaled = values[beside] / values[term], values[""] / values[term]
        bends, noise = np.diff(ratio, 2), np.diff(scaled, 2)
        power = float(bends @ bends)
        constant = float(bends @ noise) / power if power > 0 else 0.0
        weight = scaled - constant * ratio
        if constant > 0 and _moves(weight, noise):
            fifth = weight.size // 5
            begun, ended = (float(median(part)) for part in (weight[:fifth], weight[-fifth:]))
            return Ramped(term, begun, ended, beside, constant, float(step[0]), float(step[-1]))
    return None


def _thinned(column: Column, every: int) -> Column:
    return tidy(Column(column.step[::every], column.value[::every]))


def _moves(weight: Floats, noise: Floats) -> bool:
    """Whether it has none of the noise of the batches, and goes one way far."""
    level, off = float(np.max(np.abs(weight))), float(median(np.abs(np.diff(weight, 2))))
    if not level > 0 or np.min(weight) < -0.01 * level or off > _EVEN * level:
        return False
    if float(median(np.abs(noise))) < _OF_BATCHES * max(off, 1e-9 * level):
        return False
    fifth = weight.size // 5
    moved = abs(float(median(weight[-fifth:]) - median(weight[:fifth])))
    return moved > _MOVES * level and abs(rank_correlation(weight, np.arange(float(weight.size)))) > _ORDER
