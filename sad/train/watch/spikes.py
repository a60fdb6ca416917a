"""Steps whose loss lies far above those before them: left out, and counted.

Far is judged on the logarithm of the loss, against the median of the last steps and the spread around it (the median
absolute deviation, made comparable to a standard deviation): a single wild step moves neither. The floor keeps a run
whose loss hardly varies from calling noise a spike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from sad.train.saving.checkpoint import Progress

WINDOW, FEWEST = 50, 20
"""Losses that are remembered, and how many there must be before any is called a spike."""
SIGMAS, FLOOR = 10.0, math.log(1.5)
"""How far above the median: in spreads, and at least this much of the logarithm (a loss half as high again)."""
IN_A_ROW = 5
"""After this many spikes in a row the loss is at a new level: further steps are taken."""
NORMAL = 1.4826
"""A standard deviation over the median absolute deviation, of the normal distribution."""


def limit(recent: Sequence[float]) -> float:
    """Return the log-loss above which a step is a spike; infinite where too few are known."""
    if len(recent) < FEWEST:
        return math.inf
    middle = median(recent)
    return middle + max(FLOOR, SIGMAS * NORMAL * median(abs(v - middle) for v in recent))


def is_spike(progress: Progress, loss: float) -> bool:
    """Return whether ``loss`` is a spike. A loss that is not positive and finite, so without a logarithm, is not."""
    if not 0 < loss < math.inf or progress.above >= IN_A_ROW:
        return False
    return math.log(loss) > limit(progress.recent)


def remember(progress: Progress, loss: float, spike: bool) -> None:
    """Take the loss of a step into account: a spike is counted, any other is what the next ones are compared with."""
    if spike:
        progress.spikes += 1
        progress.above += 1
        return
    if progress.above >= IN_A_ROW:
        # a new level: the losses before it no longer say what is normal
        progress.recent.clear()
    progress.above = 0
    if 0 < loss < math.inf:
        progress.recent.append(math.log(loss))
        del progress.recent[:-WINDOW]
