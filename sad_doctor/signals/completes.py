"""A column of another name that is a part of the loss, because the total is not to be had without it."""

from __future__ import annotations

from dataclasses import replace

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.objective import of_classes
from sad_doctor.signals.parts import found_weights, sums_to
from sad_doctor.signals.sides import of_the_total

_MOST = 6
"""So many columns of unknown names are tried at the most."""


def completed(run: Run) -> Run:
    """Return the run with such columns as raw terms: ``hid=`` beside ``loss=``, ``kd=`` and ``ce=``.

    For logs by hand, that tell a total, raw terms and no weights. A name proves nothing; that the known terms do not
    add up to the total by any constant weights, and do with this one to the noise of every batch, does.
    """
    raw, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or not raw or run.terms(names.WEIGHT) or run.terms(names.WEIGHTED) or of_classes(run):
        # the other loss of a detector is of boxes: a part, and none of a distillation
        return run
    others = _unknown(run, total)
    if not others or sums_to(raw, total) or found_weights(run):
        return run
    for name, term in others.items():
        columns = {n: c for n, c in run.columns.items() if n != name} | {names.RAW + term: run.columns[name]}
        told = replace(run, columns=columns)
        weights = found_weights(told)
        if weights and min(weights.values()) > 0:
            return told
    return run


def _unknown(run: Run, total: Column) -> dict[str, str]:
    """Columns that nothing is known of, with as many points as half of the total's or more: the term of each."""
    found = {}
    for name, column in run.columns.items():
        term = names.maybe_term(name) or name
        if "/" in term or names.RAW + term in run.columns or of_the_total(term) or not 2 * len(column) >= len(total):
            continue
        if names.maybe_term(name) is not None or "/" not in name:
            found[name] = names.LAYERWISE if term in names.OF_STATES else term
    return dict(list(found.items())[:_MOST])
