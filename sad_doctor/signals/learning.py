"""Does anything learn? Signals of whole runs that several rules ask for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite, gain, tidy

FEWEST = 12
FEWEST_RATES = 5
FEW = 50
_BEGIN = 5
_OVER = 0.02
CAME_DOWN = 0.003
"""The share of its level by which a series must have come down first."""


def falls(column: Column, share: float = 0.05) -> bool:
    """Say whether the last third of a series surely lies below its first third by more than ``share`` of that.

    Or below its first records, from which a student that is new falls before the third is over.
    """
    values = finite(tidy(column)).value
    third = values.size // 3
    if values.size < FEWEST:
        return False
    last, begin = values[-third:], values[: min(_BEGIN, third)]
    return any(gain(first, last).surely_above(share * abs(float(median(first)))) for first in (values[:third], begin))


def loss_falls(run: Run) -> bool:
    """Say whether the run surely learns: its KD or LM term falls, or, where the log has neither, its total."""
    terms = {**run.terms(names.WEIGHTED), **run.terms(names.RAW)}
    judged = [column for term, column in terms.items() if term in names.ANCHORS or term == names.KD]
    total = run.get(names.LOSS)
    if not judged and total is not None:
        judged = [total]
    return any(falls(column) for column in judged)


def level_off(run: Run, windows: Mapping[str, tuple[Floats, Floats]]) -> bool:
    """Say whether series came down first, by more than from the one of their windows to the other, as the rate did.

    So ends a student that came trained and has little to gain. ``windows`` are values of a column, early and late.
    """
    rate = run.get(names.LEARNING_RATE)
    if rate is None or not float(rate.value[-1]) < 0.5 * float(np.max(finite(rate).value, initial=0.0)):
        return False
    for name, (before, after) in windows.items():
        start, end = float(median(before)), float(median(after))
        known = finite(tidy(run.columns[name])).value
        early = float(median(known[: 1 if len(known) < FEW else 5])) - start
        if start < end or early <= max(1.5 * (start - end), CAME_DOWN * abs(start)):
            return False
    return True


def decayed(run: Run) -> float | None:
    """Return the last step of a run whose learning rate has come down to next to nothing, so that it is over.

    The rate must have been logged :data:`FEWEST` times, and be at its end below :data:`_OVER` of its peak for the first
    time in the last tenth of the records.
    """
    rate = run.get(names.LEARNING_RATE)
    known = None if rate is None else finite(tidy(rate))
    if known is None or len(known) < FEWEST or not known.last < _OVER * float(known.value.max()):
        return None
    early = known.value[: int(0.9 * len(known))]
    low = early[int(np.argmax(early)) :] < _OVER * float(known.value.max())
    return None if bool(low.any()) else run.last_step


def always_zero(column: Column | None, points: int) -> bool:
    """Say whether a column is exactly 0 at every one of its points, and has at least ``points`` of them."""
    return column is not None and len(column) >= points and not bool(np.any(column.value != 0))


def never_steps(run: Run, after: float) -> bool:
    """Say whether the learning rate is 0 wherever it was logged, neither before a warm-up nor after a decay.

    That needs a few records that span ``after`` steps, an epoch, or half of the planned steps, a twentieth of them for
    :data:`FEW` records and more: a loop that logs every batch of a large accumulation rightly starts with as many
    records at 0, and a log that holds only the end of a run may end so.
    """
    rate = run.get(names.LEARNING_RATE)
    if rate is None or not always_zero(rate, FEWEST_RATES):
        return False
    total, epoch = run.fact(names.TOTAL_STEPS), run.get(names.EPOCH)
    enough = after if not total or total <= 0 else min(after, (0.5 if len(rate) < FEW else 0.05) * total)
    epochs = 0.0 if epoch is None else float(np.ptp(epoch.value))
    return float(np.ptp(rate.step)) >= enough or epochs >= 1
