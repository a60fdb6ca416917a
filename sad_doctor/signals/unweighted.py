"""A term before its weight, wherever the log keeps it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import parts
from sad_doctor.signals.series import finite, tidy


def unweighted(run: Run, terms: Iterable[str]) -> tuple[str, Column] | None:
    """Return the name and the finite points of the first of ``terms`` that the log has before its weight, else None.

    What the log calls unweighted, or raw if these values are not the weighted ones under another name, or the weighted
    ones over a weight that is constant and not 0.
    """
    for term in terms:
        found = _unweighted(run, term)
        if found is not None and len(found[1]):
            return found
    return None


def label_loss(run: Run) -> tuple[str, Column] | None:
    """Return the label loss before its weight, as :func:`unweighted` does."""
    logged = {n.rsplit("/", 1)[1] for n in run.columns if n.startswith(names.PREFIXES)}
    return unweighted(run, sorted(logged & names.ANCHORS, key=lambda term: (term != names.LM, term)))


def after_its_weight(run: Run, terms: Iterable[str]) -> tuple[str, Column] | None:
    """Return the name and the finite points of the first of ``terms`` after its weight, if the log tells no weights."""
    if run.terms(names.WEIGHT):
        return None
    told = ((names.WEIGHTED + term, run.get(names.WEIGHTED + term)) for term in terms)
    return next(((name, finite(tidy(column))) for name, column in told if column is not None), None)


def is_summed(run: Run, nats: float) -> bool:
    """Whether the label loss, before its weight or after it, lies where no mean over tokens does: above ``nats``."""
    label = label_loss(run)
    columns = [c for term, c in parts(run).terms.items() if term in names.ANCHORS] if label is None else [label[1]]
    known = [finite(c).value for c in columns]
    return any(values.size and float(median(values)) > nats for values in known)


def _unweighted(run: Run, term: str) -> tuple[str, Column] | None:
    own = run.get(names.UNWEIGHTED + term)
    if own is not None:
        return names.UNWEIGHTED + term, finite(tidy(own))
    raw, weight, weighted = (run.get(prefix + term) for prefix in (names.RAW, names.WEIGHT, names.WEIGHTED))
    if raw is not None and (weighted is not None or weight is None or not _is_weighted(run, term)):
        return names.RAW + term, finite(tidy(raw))
    weighted = raw if weighted is None else weighted
    if weighted is None or weight is None or np.ptp(weight.value) or not weight.value[0] > 0:
        return None
    column = finite(tidy(weighted))
    return names.WEIGHTED + term, Column(column.step, column.value / weight.value[0])


def _is_weighted(run: Run, term: str) -> bool:
    """Whether the values called raw are the weighted ones: they sum to the total against weights that are not 1."""
    found = parts(run)
    weight = run.get(names.WEIGHT + term)
    return found.source in ("raw", "weighted and raw") and weight is not None and bool(np.any(weight.value != 1))
