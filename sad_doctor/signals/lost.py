"""Where a label loss jumps back to near its beginning and falls again: a student that is lost, not another text."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median, medians
from sad_doctor.signals.series import finite, gain, tidy
from sad_doctor.signals.unweighted import after_its_weight, label_loss, unweighted

FEWEST = 24
"""Records before which nothing is judged."""

_WIDTH, _NARROW, _FEW = 5, 3, 60
"""Records whose median is a level; in a log of fewer than so many, whose first record alone tells the beginning."""

_KD_TOO = 0.25
"""The share of the label loss's relative rise that KD's must be: a label loss that jumps alone is another text."""

_SUDDEN, _AGAIN = 0.7, 0.05
"""Shares of a rise: what the loss falls by at once elsewhere, as at another text or objective; what is left of it."""


@sealed
class Lost:
    """At ``step`` the loss goes from ``low`` to ``high``, ``back`` of what it had gained.

    ``found`` says whether it jumps there surely, stays up for some records, and falls again; ``sure`` that it is the
    student's doing, and no term that came in.
    """

    step: float
    low: float
    high: float
    back: float
    found: bool
    sure: bool


def lost(run: Run, rise: float, nats: float, least: float) -> Lost | None:
    """Return the largest jump of the label loss (without parts, of the total); None with too few records.

    It must be by ``rise`` of its level and ``nats``, and make up for ``least`` of what was gained.
    """
    label = label_loss(run) or after_its_weight(run, sorted(names.ANCHORS))
    parted = run.terms(names.RAW) or run.terms(names.WEIGHTED)
    told = label[1] if label is not None else None if parted else run.get(names.LOSS)
    loss = None if told is None else finite(tidy(told))
    if loss is None or len(loss) < FEWEST:
        return None
    few = len(loss) < _FEW
    width = _NARROW if few else _WIDTH
    windows = medians(np.lib.stride_tricks.sliding_window_view(loss.value, width))
    before, after = windows[:-width], windows[width:]
    # of few records the first ones have fallen far already
    start = float(np.max(loss.value[:width]) if few else median(loss.value[:width]))
    at = int(np.argmax(after - before))
    low, high = float(before[at]), float(after[at])
    back = (high - low) / (start - low) if start > low else 0.0
    # the windows may straddle the jump by a record or two: its place is the largest single step
    place = at + 1 + int(np.argmax(np.diff(loss.value[at : at + 2 * width])))
    sides = loss.value[max(0, place - width) : place], loss.value[place : place + width]
    later = loss.value[place + width :]
    if min(side.size for side in sides) < 2:
        return Lost(float(loss.step[place]), low, high, back, found=False, sure=False)
    again = later.size >= width and float(median(later[-width:])) < high - 0.25 * (high - low)
    far = gain(*sides).surely_below(-max(rise * low, nats), sigmas=5)
    kept = bool(np.min(loss.value[place : place + width]) > low + 0.5 * (high - low))
    # a loss that elsewhere falls as suddenly as it rose was given another text or objective
    sudden = float(np.max(before - after)) > _SUDDEN * (high - low)
    found = far and least <= back <= 1.3 and again and kept and not sudden
    found = found and not (label is not None and _alone(run, loss, place, width))
    # a total alone may be lifted by a term that comes in; a student that was set back comes down to where it was
    down = later.size > 0 and float(median(later[-2 * width :])) < low + _AGAIN * (high - low)
    sure = down or label is not None or any("token_accuracy" in name for name in run.columns)
    return Lost(float(loss.step[place]), low, high, back, found, sure)


def _alone(run: Run, loss: Column, place: int, width: int) -> bool:
    """Whether KD, logged beside the label loss, goes on over the step at which that jumps."""
    kd = unweighted(run, [names.KD]) or after_its_weight(run, [names.KD])
    if kd is None or len(kd[1]) < len(loss):
        return False
    rises = []
    for column in (loss, kd[1]):
        at = int(np.searchsorted(column.step, loss.step[place]))
        if not 0 < at < len(column):
            return False
        low = float(median(column.value[max(0, at - width) : at]))
        rises.append((float(median(column.value[at : at + width])) - low) / max(abs(low), 1e-12))
    return rises[1] < _KD_TOO * rises[0]
