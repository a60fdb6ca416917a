"""The parts of the loss: which columns they are, on common steps, and their shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.precision import FLOAT32, sample, tolerance, unit
from sad_doctor.signals.series import tidy

Source = Literal["weighted", "raw", "raw x weight", "weighted and raw", ""]


_TERMS, _FEWEST, _FITS, _NOISE, _ALIKE = 4, 12, 1e-3, 2e-3, 300.0
"""For weights that are found: most terms, fewest steps, the largest gap and the least noise as shares of the total, and
the largest condition of the terms."""


@sealed
class Parts:
    """The weighted parts of the loss by term, and where they come from.

    ``source`` is "raw" when the values that the log calls raw sum to the total: then they are weighted values.
    It is empty when the log does not tell the parts.
    """

    terms: Mapping[str, Column]
    source: Source


_FOUND: WeakKeyDictionary[Run, Parts] = WeakKeyDictionary()
"""Of runs that somebody still holds: a dozen rules ask for the parts of the same one."""


def parts(run: Run) -> Parts:
    """Return the weighted parts of the training loss.

    The columns called weighted, unless only those called raw, or both together, sum to the total; else raw times
    weight, where the weights are logged or the total tells them (:func:`found_weights`). Raw values alone that do not
    add up to the total tell nothing about shares: no parts. Columns whose names look like parts, such as ``loss_mse``,
    are some where the sum nearly fits with them and not without.
    """
    found = _FOUND.get(run)
    if found is None:
        found = _FOUND[run] = _parts(run)
    return found


def _parts(run: Run) -> Parts:
    weighted, raw = run.terms(names.WEIGHTED), run.terms(names.RAW)
    merged = {**raw, **weighted}
    total = run.get(names.LOSS)
    candidates: list[tuple[Source, dict[str, Column]]] = [("weighted", weighted), ("raw", raw)]
    if set(weighted) != set(merged):
        candidates.append(("weighted and raw", merged))
    if total is not None:
        for source, terms in candidates:
            if terms and sums_to(terms, total):
                return Parts(terms, source)
        others = _maybe(run, merged)
        for source, terms in candidates if others else ():
            if nearly_sums_to({**terms, **others}, total):
                return Parts({**terms, **others}, source)
    if weighted:
        return Parts(weighted, "weighted")
    products = _products(run, raw)
    if not products:
        products = {t: Column(raw[t].step, w * raw[t].value) for t, w in found_weights(run).items() if w}
    return Parts(products, "raw x weight") if products else Parts({}, "")


def found_weights(run: Run) -> dict[str, float]:
    """Return constant weights by which the raw terms add up to the total at nine of ten steps; empty if none do.

    For logs that tell neither weights nor weighted values, as most that were written by hand: two to four terms. A fit
    within :data:`_FITS` of the total is no chance where the terms have noise of their own, which is asked for.
    """
    raw, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or not 2 <= len(raw) <= _TERMS or run.terms(names.WEIGHT) or run.terms(names.WEIGHTED):
        return {}
    rows = _rows(raw, total)
    if len(rows) < _FEWEST or not np.all(rows.any(axis=0)):
        return {}
    scale = np.abs(rows).max(axis=0)
    values, whole = rows[:, :-1] / scale[:-1], rows[:, -1] / scale[-1]
    # two terms that go together in all they do have no weights of their own
    if np.linalg.cond(values) > _ALIKE:
        return {}
    weights = np.linalg.lstsq(values, whole, rcond=None)[0]
    gap, noise = values @ weights - whole, float(np.std(np.diff(whole, 2)))
    # smooth curves add up to one another by chance; the noise of the batches does not
    if noise < _NOISE or float(np.std(np.diff(gap, 2))) > 0.1 * noise:
        return {}
    fits = max(_FITS * float(median(np.abs(whole))), _printed(rows, weights * scale[-1] / scale[:-1]) / scale[-1])
    if float(np.quantile(np.abs(gap), 0.9)) > fits:
        return {}
    # what is not in the total has a weight of rounding, of either sign
    error = float(np.std(gap)) * np.sqrt(np.diag(np.linalg.inv(values.T @ values)))
    share = np.abs(weights) * np.median(np.abs(values), axis=0) / float(median(np.abs(whole)))
    in_it = (np.abs(weights) > 5 * error) & (share > 0.01 * _FITS)
    return dict(zip(raw, np.where(in_it, weights * scale[-1] / scale[:-1], 0.0).tolist(), strict=True))


def _printed(rows: Floats, weights: Floats) -> float:
    """How far the sum may be off by what half a unit of the last printed digits makes, at most a hundredth of it."""
    units = np.array([float(median([unit(value) for value in column])) for column in rows.T])
    off = 0.5 * float(np.abs(weights) @ units[:-1] + units[-1])
    return min(off, 10 * _FITS * float(median(np.abs(rows[:, -1]))))


def shares(run: Run) -> dict[str, Column]:
    """Return each term's share of the loss as a fraction from 0 to 1, on the steps that the terms have in common.

    A share is \\|part\\| over the sum of all \\|parts\\|: a negative part (a cosine, a reward) counts by its size.
    Steps at which a part is not finite, or all are 0, are left out. No column is empty; there is none when the log
    does not tell the parts.
    """
    step, values = table(parts(run).terms)
    if not values:
        return {}
    sizes = np.abs(np.stack(list(values.values())))
    whole = sizes.sum(axis=0)
    keep = np.isfinite(whole) & (whole > 0)
    if not keep.any():
        return {}
    return {term: Column(step[keep], sizes[i, keep] / whole[keep]) for i, term in enumerate(values)}


def table(terms: Mapping[str, Column]) -> tuple[Floats, dict[str, Floats]]:
    """Return common steps, and the values of each term there, float64 [steps].

    A term that was logged at less than half the steps of the most logged one counts as 0 where it is missing: logs
    leave out terms that are switched off. The other terms are cut to the steps that they share.
    """
    tidied = {term: tidy(column) for term, column in terms.items()}
    most = max((len(c) for c in tidied.values()), default=0)
    if most == 0:
        return np.empty(0), {}
    regular = [c.step for c in tidied.values() if 2 * len(c) >= most]
    step = regular[0]
    for other in regular[1:]:
        same = step is other or np.array_equal(step, other)
        step = step if same else np.intersect1d(step, other, assume_unique=True)
    return step, {term: _at(column, step) for term, column in tidied.items()}


def sums_to(terms: Mapping[str, Column], total: Column) -> bool:
    """Say whether ``terms`` sum to ``total`` within printed precision, at nine of ten common steps or more."""
    rows = _rows(terms, total)
    if not len(rows):
        return False
    gap, largest = np.abs(rows[:, -1] - rows[:, :-1].sum(axis=1)), np.abs(rows).max(axis=1)
    # the tolerance lies between these two: how numbers were printed, which takes long, decides only in between
    within = gap <= 0.5 * FLOAT32 * largest
    unsure = ~within & (gap <= 0.0051 * largest)
    hits = int(within.sum()) + sum(abs(float(c[-1] - c[:-1].sum())) <= tolerance(*c.tolist()) for c in rows[unsure])
    return hits >= 0.9 * len(rows)


def nearly_sums_to(terms: Mapping[str, Column], total: Column) -> bool:
    """Say whether ``terms`` sum to ``total`` within 2% in the median and 5% at nine of ten common steps, of 3 or more.

    A total is often a mean over some batches, and its parts are those of one.
    """
    rows = _rows(terms, total)
    if len(rows) < 3 or len(terms) < 2:
        return False
    whole = rows[:, -1]
    gap = np.abs(whole - rows[:, :-1].sum(axis=1)) / np.maximum(np.abs(whole), 1e-12)
    return float(median(gap)) <= 0.02 and float(np.mean(gap <= 0.05)) >= 0.9


def _rows(terms: Mapping[str, Column], total: Column) -> Floats:
    """A sample of the common steps at which all is finite, [steps, terms + 1], the total last."""
    step, values = table({**terms, "": total})
    if step.size == 0:
        return np.empty((0, len(terms) + 1))
    rows = sample(np.arange(step.size))
    columns = np.stack(list(values.values()))[:, rows]
    return columns[:, np.isfinite(columns).all(axis=0)].T


def _maybe(run: Run, known: Mapping[str, Column]) -> dict[str, Column]:
    """Columns that may be parts by their names."""
    found = {}
    for name, column in run.columns.items():
        term = names.maybe_term(name)
        if term is not None and term not in known and len(column):
            found[term] = column
    return found


def _products(run: Run, raw: Mapping[str, Column]) -> dict[str, Column]:
    """Raw times weight, for runs that log a weight for every raw term, or for those that make up the total."""
    weights, total = run.terms(names.WEIGHT), run.get(names.LOSS)
    if not raw or not set(raw) <= set(weights):
        some = {t: _times(tidy(c), tidy(weights[t])) for t, c in raw.items() if t in weights}
        return some if some and total is not None and sums_to(some, total) else {}
    return {term: _times(tidy(column), tidy(weights[term])) for term, column in raw.items()}


def _times(value: Column, weight: Column) -> Column:
    """The weight in force at a step is the last one logged up to it, or the first one."""
    if np.array_equal(value.step, weight.step):
        return Column(value.step, value.value * weight.value)
    at = np.maximum(np.searchsorted(weight.step, value.step, side="right") - 1, 0)
    return Column(value.step, value.value * weight.value[at])


def _at(column: Column, step: Floats) -> Floats:
    if np.array_equal(column.step, step):
        return column.value
    at = np.minimum(np.searchsorted(column.step, step), len(column) - 1)
    return np.where(column.step[at] == step, column.value[at], 0.0)
