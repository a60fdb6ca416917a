"""A long series in few numbers: medians of blocks with their errors, first and last thirds. Linear in the length."""

from __future__ import annotations

import numpy as np

from sad_doctor.run import Column, Floats
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median, medians
from sad_doctor.signals.series import Gain, finite, gain, tidy

_AT_ONCE = 0.5


@sealed(eq=False)
class Blocks:
    """Medians of equal blocks, float64 [blocks], the standard error of each, and the step in the middle of each."""

    step: Floats
    middle: Floats
    error: Floats

    @property
    def range(self) -> float:
        """The highest minus the lowest median."""
        return float(np.ptp(self.middle))


def blocks(column: Column, count: int, fewest: int = 4) -> Blocks | None:
    """Return ``count`` blocks over the finite values of a tidied ``column``; None with less than ``fewest`` a block.

    What does not divide evenly is left out at the beginning. The errors take the spread from differences of
    neighbours, as :func:`sad_doctor.signals.gain` does.
    """
    known = finite(tidy(column))
    size = len(known) // count
    if size < max(fewest, 2):
        return None
    values = known.value[-count * size :].reshape(count, size)
    steps = known.step[-count * size :].reshape(count, size)
    noise = np.sqrt(np.mean(np.square(np.diff(values, axis=1)), axis=1) / 2)
    return Blocks(steps[:, size // 2], medians(values), 1.2533 * noise / np.sqrt(size))


def ends(column: Column, skip: float = 0.02) -> tuple[Floats, Floats] | None:
    """Return the values of the first and of the last third of a series, without its first ``skip``; None below 12."""
    known = finite(tidy(column)).value
    known = known[int(skip * known.size) :]
    third = known.size // 3
    return None if third < 4 else (known[:third], known[-third:])


def fall(column: Column, first: int = 0, quick: bool = False) -> Gain | None:
    """Return how far a series falls: from its first third to its last, or from its beginning on, the surer one.

    The beginning is the first tenth, or the ``first`` records, where most of a fall may be. None below 12 values. By
    more than half from the beginning on is not counted, unless ``quick``: no text is learned so fast.
    """
    thirds = ends(column)
    if thirds is None:
        return None
    known = finite(tidy(column)).value
    first = first or max(3, known.size // 10)
    whole, early = gain(*thirds), gain(known[:first], known[first:])
    if not quick and early.amount > _AT_ONCE * abs(float(median(known[:first]))):
        return whole
    return max(whole, early, key=lambda one: one.amount - 3 * one.error)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's correlation of two series of one length; NaN if one of them is constant. Ties by order."""
    if a.size < 2 or not (np.ptp(a) and np.ptp(b)):
        return float("nan")
    ranks = [np.argsort(np.argsort(v, kind="stable"), kind="stable").astype(np.float64) for v in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
