"""Where a new pass over the texts begins, and what comes before the second."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Floats, Run
from sad_doctor.signals.series import finite, tidy

_NEAR = 1.5
"""So many records off, the border still is that of the epoch: a record may stand for the steps before it."""


def pass_begins(run: Run, at: float) -> int | None:
    """Return which pass over the texts begins about the step ``at``, the first being 1; None if none does there.

    By an epoch that is logged with its fraction, or that is counted from 0.
    """
    found = run.get(names.EPOCH)
    if found is None:
        return None
    epoch = finite(tidy(found))
    if len(epoch) < 3 or np.any(np.diff(epoch.value) < 0):
        return None
    passes = np.floor(epoch.value + 1e-6)
    begins = np.flatnonzero(np.diff(passes) > 0) + 1
    if not begins.size:
        return None
    nearest = int(begins[np.argmin(np.abs(epoch.step[begins] - at))])
    gap = float(np.median(np.diff(epoch.step)))
    return int(passes[nearest]) + 1 if abs(float(epoch.step[nearest]) - at) <= _NEAR * gap else None


def in_first_pass(run: Run, steps: Floats) -> int:
    """Return how many of ``steps``, float64 [n] and rising, come before a text was seen again; 0 with no epoch told."""
    found = run.get(names.EPOCH)
    epoch = None if found is None else finite(tidy(found))
    if epoch is None or not len(epoch) or not float(epoch.value.max()) > 0:
        return 0
    return int(np.count_nonzero(np.interp(steps, epoch.step, epoch.value) <= 1))
