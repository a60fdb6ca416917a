"""The evaluation that depends on the student alone, what it is to follow, and whether it ever came down."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.evaluations import measured
from sad_doctor.signals.middle import median
from sad_doctor.signals.parts import sums_to
from sad_doctor.signals.perplexity import clamp_of
from sad_doctor.signals.precision import significant_digits
from sad_doctor.signals.series import finite, tidy
from sad_doctor.signals.unweighted import label_loss

OF_THE_STUDENT = (names.EVAL_LM_LOSS, names.EVAL_BITS_PER_BYTE, names.EVAL_RAW + names.LM, names.EVAL_PERPLEXITY)
"""Evaluations that depend on the student alone; a projector that is trained moves others."""

_EARLY = 0.2
"""By when the first evaluation is, as a share of the run's steps."""

_ALIKE = 0.15
"""How near the training's first records it is, as a share of its value."""


def student_evaluated(run: Run, fewest: float, digits: float) -> tuple[str, Column, bool] | None:
    """Return the first evaluation of the student of ``fewest`` points, by name, and whether its digits tell two apart.

    ``digits`` significant ones do; one less in twice as many points.
    """
    others = []
    for name in OF_THE_STUDENT:
        column = run.get(name)
        if column is None:
            continue
        known = measured(finite(column), run)
        usable = name != names.EVAL_PERPLEXITY or clamp_of(known.last if len(known) else 0.0) is None
        shown = significant_digits(known.last) if len(known) else 0
        many = shown == digits - 1 and len(known) >= 2 * fewest
        if len(known) >= fewest and usable:
            if shown >= digits or many:
                return name, known, True
            others.append((name, known, False))
    return others[0] if others else None


def learned(run: Run) -> tuple[str, Column] | None:
    """Return the training's label loss by name; its weighted part, or a total without parts, where that is logged."""
    label = label_loss(run)
    if label is not None:
        return label
    anchors = [term for term in run.terms(names.WEIGHTED) if term in names.ANCHORS]
    if anchors and not run.terms(names.WEIGHT):
        return names.WEIGHTED + anchors[0], run.columns[names.WEIGHTED + anchors[0]]
    loss = run.get(names.LOSS)
    if loss is None or run.terms(names.RAW) or run.terms(names.WEIGHTED):
        return None
    return names.LOSS, loss


def as_loss(name: str, column: Column) -> tuple[str, Column]:
    """Return a perplexity as the label loss, in nats, that it is exp of; any other evaluation as it is."""
    told = name == names.EVAL_PERPLEXITY and bool(np.all(column.value > 0))
    return (names.EVAL_LM_LOSS, Column(column.step, np.log(column.value))) if told else (name, column)


def never_came_down(run: Run, column: Column, training: tuple[str, Column], fewest: float, near: float) -> bool:
    """Whether an evaluation that began at the training's level has never come down from there, in less than a pass.

    ``near`` is the share of its first value by which it may fall. Where a weight of the training's is not told, its
    level says nothing.
    """
    if len(column) < fewest + 2:
        return False
    first, epoch = float(column.value[0]), run.get(names.EPOCH)
    began = float(median(finite(tidy(training[1])).value[:3]))
    alike = _weighted(training[0], run) or abs(began - first) < _ALIKE * first
    if run.facts.get(names.STEP_UNIT) == "epoch":
        known = training[1].step
    else:
        known = np.empty(0) if epoch is None else finite(epoch).value
    once = bool(known.size) and float(known.max()) <= 1  # what was seen again may be known by heart
    early = column.step[0] <= _EARLY * run.last_step
    low = float(np.min(column.value[1:])) > (1 - near) * first
    # in the end as well: one that comes down late does follow
    ends = float(median(column.value[-3:])) > (1 - 0.5 * near) * first
    return bool(early) and once and alike and low and ends


def _weighted(name: str, run: Run) -> bool:
    """Whether a term is, or may be, as it is after its weight: its level then says nothing."""
    total, raw = run.get(names.LOSS), run.terms(names.RAW)
    untold = name.startswith(names.RAW) and not run.terms(names.WEIGHT) and len(raw) > 1
    return name.startswith(names.WEIGHTED) or (untold and total is not None and sums_to(raw, total))
