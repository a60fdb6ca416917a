"""Terms that are not there: from some step on, or never, though the log tells a weight of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from sad_doctor import names, words
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import sums_to
from sad_doctor.signals.series import clamped
from sad_doctor.signals.sides import sides

_VALUES = (names.RAW, names.WEIGHTED, names.UNWEIGHTED)


@sealed
class Absent:
    """A ``term`` without one value in the training, its ``weight`` above 0 and where that stands.

    ``sure`` where other terms have values and none of the log's columns may be this one under another name; ``out``
    where those others sum to the total besides: it is not in the loss.
    """

    term: str
    weight: float
    where: str
    sure: bool
    out: bool


def absent(run: Run, records: float) -> Iterator[Absent]:
    """Yield the terms whose weight is above 0, in ``records`` records or else in the recipe, and that have no value.

    A weight that the log tells counts before that of the recipe: a term that waits for its time is at 0 until then.
    """
    total = run.get(names.LOSS)
    logged = [column for prefix in _VALUES for column in run.terms(prefix).values()]
    if max((len(one) for one in (*logged, *([] if total is None else [total]))), default=0) < records:
        return
    heard = {word for name in run.columns if not name.startswith((names.WEIGHT, "eval/")) for word in _words(name)}
    weights = run.terms(names.WEIGHT)
    found = {term: (weight, "the recipe") for term, weight in _planned(run.facts.get(names.CONFIG)).items()}
    for term, column in weights.items():
        above = column.value[np.isfinite(column.value) & (column.value > 0)]
        found[term] = (float(above[-1]) if above.size >= records else 0.0, f"the log, {names.WEIGHT}{term}")
    other = bool(logged) and not sides(run)
    whole = other and total is not None and sums_to(run.terms(names.WEIGHTED), total)
    for term, (weight, where) in found.items():
        if weight > 0 and not any(run.get(prefix + term) for prefix in _VALUES) and not _words(term) <= heard:
            yield Absent(term, weight, where, other, whole)


def gone(
    column: Column, span: tuple[float, float], limits: tuple[float, float, float], *, others: bool
) -> tuple[str, float] | None:
    """Return how a term is gone and since when, or None.

    ``span`` are the first and the last step of all terms, ``others`` whether there is another one. ``limits`` are the
    share of zeros that is all along, the share of the records from the end that is the end, and the fewest records.
    """
    never, last, records = limits
    zero = column.value == 0
    if len(column) >= records:
        if float(np.mean(zero)) >= never:
            return f"is exactly 0 in {int(zero.sum()):,} of {len(column):,} records", float(column.step[0])
        tail = len(column) - (int(np.flatnonzero(~zero)[-1]) + 1)
        if tail < len(column) and (since := clamped(column)) is not None:
            return f"is exactly 0 in most records from step {words.step(since)} on", since
        if tail >= max(last * len(column), 5):
            since = float(column.step[-tail])
            return f"is exactly 0 from step {words.step(since)} on, in the last {tail:,} records", since
    gap = float(median(np.diff(column.step))) if len(column) > 1 else 0.0
    start, end = span
    if others and end - float(column.step[-1]) > max(last * (end - start), 5 * gap, 1):
        since = float(column.step[-1])
        return f"is not logged after step {words.step(since)}, while other terms go on to {words.step(end)}", since
    return None


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[^a-z0-9]+", name.lower())) - {"train", "loss", "term", ""}


def _planned(config: object) -> dict[str, float]:
    """The weights of a recipe's ``[terms]`` that begin with the run; those of ``[terms.custom]`` too."""
    terms = config.get("terms") if isinstance(config, Mapping) else None
    if not isinstance(terms, Mapping):
        return {}
    custom = terms.get("custom")
    every = {**terms, **(custom if isinstance(custom, Mapping) else {})}
    told = {str(name): one.get("weight") for name, one in every.items() if isinstance(one, Mapping)}
    waits = _waiting(config)
    return {
        name: float(weight)
        for name, weight in told.items()
        if isinstance(weight, int | float) and not isinstance(weight, bool) and math.isfinite(weight)
        if name not in waits
    }


def _waiting(config: object) -> frozenset[str]:
    """The terms that the recipe's readiness schedule lets wait."""
    for key in ("aware", "time", "terms"):
        config = config.get(key) if isinstance(config, Mapping) else None
    return frozenset(map(str, config)) if isinstance(config, list) else frozenset()
