"""Where the weights of a log change from one record to the next: fitted ones of a log that tells none, or told ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import table
from sad_doctor.signals.series import tidy
from sad_doctor.signals.switches import switches

_TERMS, _FEWEST, _ALIKE = 4, 16, 300.0
"""Most terms, fewest records on either side, and the largest condition of the terms there."""

_FITS, _OFF = 2e-3, 0.05
"""The share of the total that a fit may leave, of four digits; that by which the first weights then miss."""

_SAME = 0.02
"""Factors that differ by less are one."""


@sealed
class Reweighted:
    """From ``step`` on the total is the sum of its parts by the weights ``after``, till then by those ``before``.

    ``times`` is the factor that all of them share, None where they share none.
    """

    step: float
    before: Mapping[str, float]
    after: Mapping[str, float]
    times: float | None

    @property
    def exchanged(self) -> tuple[str, str] | None:
        """The two terms whose weights take each other's value, if two do."""
        for one, other in combinations(self.before, 2):
            first, second = self.before[one], self.before[other]
            swap = _near(self.after[one], second) and _near(self.after[other], first)
            if swap and not _near(first, second):
                return one, other
        return None


def reweighted(run: Run) -> Reweighted | None:
    """Return where the weights change, if constant ones fit the total exactly on either side of one record; else None.

    For logs with two to four raw terms and no weights. Linear in the length.
    """
    raw, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or not 2 <= len(raw) <= _TERMS or run.terms(names.WEIGHT) or run.terms(names.WEIGHTED):
        return None
    step, values = table({**raw, "": tidy(total)})
    if step.size < 2 * _FEWEST:
        return None
    rows = np.stack([values[term] for term in (*raw, "")], axis=1)
    keep = np.isfinite(rows).all(axis=1)
    step, rows = step[keep], rows[keep]
    if step.size < 2 * _FEWEST:
        return None
    first = _fit(rows[: max(_FEWEST, len(rows) // 8)])
    if first is None:
        return None
    off = np.abs(rows[:, :-1] @ first - rows[:, -1]) > _OFF * np.abs(rows[:, -1])
    at = int(np.argmax(off))
    if not off.any() or at < _FEWEST or len(rows) - at < _FEWEST or not _fitted(rows[:at], first):
        return None
    second = _fit(rows[at:])
    if second is None or not _fitted(rows[at : at + _FEWEST], second):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = second / first
    shared = bool(np.all(np.isfinite(factors)) and np.all(np.abs(factors / median(factors) - 1) < _SAME))
    return Reweighted(
        float(step[at]),
        dict(zip(raw, first.tolist(), strict=True)),
        dict(zip(raw, second.tolist(), strict=True)),
        float(median(factors)) if shared else None,
    )


def exchanged(run: Run) -> Reweighted | None:
    """Return the first step at which two weights that the log tells take each other's value; else None."""
    at: dict[float, dict[str, tuple[float, float]]] = {}
    for switch in switches(run):
        term = names.term_of(switch.column)
        if term is not None and switch.column.startswith(names.WEIGHT):
            at.setdefault(switch.step, {})[term] = (switch.before, switch.after)
    for step, told in at.items():
        before, after = ({term: pair[i] for term, pair in told.items()} for i in (0, 1))
        if (found := Reweighted(step, before, after, None)).exchanged is not None:
            return found
    return None


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME * max(abs(one), abs(other))


def _fit(rows: Floats) -> Floats | None:
    """The weights by which the parts make the total, float64 [terms]; None where none do."""
    scale = np.abs(rows).max(axis=0)
    if not np.all(scale > 0):
        return None
    values, whole = rows[:, :-1] / scale[:-1], rows[:, -1] / scale[-1]
    if not np.linalg.cond(values) < _ALIKE:
        return None
    weights: Floats = np.linalg.lstsq(values, whole, rcond=None)[0] * scale[-1] / scale[:-1]
    return weights if _fitted(rows, weights) else None


def _fitted(rows: Floats, weights: Floats) -> bool:
    gap = np.abs(rows[:, :-1] @ weights - rows[:, -1])
    return float(np.quantile(gap / np.abs(rows[:, -1]), 0.9)) < _FITS
