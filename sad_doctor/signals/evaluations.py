"""The evaluations of a run: which columns they are, and which of their points were really measured."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, tidy

DENSE = 0.5
"""Points of an evaluation over records of the training from which on values may be carried from row to row."""

FAR = 100
"""Steps between two rows from which on each row is taken for an evaluation of its own."""


def evaluations(run: Run) -> dict[str, Column]:
    """Return the evaluation's losses, best witness first, as measured: finite, and none of them 0 throughout.

    Not the perplexity, which may be a clamp, nor a share of tokens. Where the evaluation set was changed, those since.
    """
    first = [names.EVAL_LM_LOSS, names.EVAL_LOSS, names.EVAL_BITS_PER_BYTE, names.EVAL_KL]
    rest = [name for name in run.columns if name.startswith((names.EVAL_RAW, names.EVAL_WEIGHTED))]
    since = run.fact(names.EVALUATED_SINCE)
    found = {name: _since(finite(column), since) for name in (*first, *rest) if (column := run.get(name)) is not None}
    return {name: measured(column, run) for name, column in found.items() if bool(np.any(column.value != 0))}


def _since(column: Column, step: float | None) -> Column:
    here = slice(None) if step is None else column.step >= step
    return Column(column.step[here], column.value[here])


def evaluation_moves(run: Run) -> bool:
    """Say whether any evaluation differs from another one of its series."""
    return any(bool(np.any(column.value != column.value[0])) for column in evaluations(run).values())


def measured(column: Column, run: Run) -> Column:
    """Return the points of an evaluation that stand for a measurement after some training.

    Left out are points with no record of the training since the point before, such as the last evaluation told a
    second time; and values that a loop carries along and writes into every row until the next evaluation. Those show
    by their number, about one for each record of the training meanwhile, and by their stretches of equal values: one
    point is kept for each usual length of a stretch. A series of one value throughout, in rows less than :data:`FAR`
    steps and less than an epoch apart, is one measurement.
    """
    column = tidy(column)
    training = _training_steps(run)
    if training is None or len(column) < 2:
        return column
    seen = np.searchsorted(training, column.step, side="right")
    fresh = np.append(True, np.diff(seen) > 0)
    column = Column(column.step[fresh], column.value[fresh])
    meanwhile = int(np.sum((training >= column.step[0]) & (training <= column.step[-1])))
    if len(column) < max(3, DENSE * meanwhile):
        return column
    starts = np.flatnonzero(np.append(True, column.value[1:] != column.value[:-1]))
    lengths = np.diff(np.append(starts, len(column)))
    usual = int(median(lengths[:-1])) if lengths.size > 1 else _once(column, run)
    if usual < 2:
        return column
    kept = (np.arange(len(column)) - np.repeat(starts, lengths)) % usual == 0
    return Column(column.step[kept], column.value[kept])


def _training_steps(run: Run) -> np.ndarray | None:
    """The steps at which the training was logged, each once; None if there is no series of it."""
    for name in (names.LOSS, names.LEARNING_RATE, *(n for n in run.columns if n.startswith("train/"))):
        column = run.get(name)
        if column is not None:
            return tidy(column).step
    return None


def _once(column: Column, run: Run) -> int:
    """How many rows a value that never changes stands for: all of them, unless they lie far apart."""
    epoch = run.get(names.EPOCH)
    epochs = np.empty(0) if epoch is None else np.unique(epoch.value[np.isin(epoch.step, column.step)])
    apart = epochs.size == len(column) and bool(np.all(np.diff(epochs) > 0.99))
    return 1 if apart or float(median(np.diff(column.step))) >= FAR else len(column)
