"""Where the steps of a log begin again at their first one, whichever of the values the reader kept."""

from __future__ import annotations

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed
from sad_doctor.signals.middle import median
from sad_doctor.signals.series import finite

_BESIDE = 5
"""So many records on either side stand for a level, as in the fact of a reader that keeps the later values only."""

_ON = 0.2
"""Levels that differ by less than this share go on."""


_NEARER = 0.5
"""A loss that lies so much nearer to its beginning than to the one before is at its beginning."""

_PAIRS, _MOST, _APART = 10, 0.8, 5
"""Fewest steps told twice, the share of all records that they must be, and their gap over the noise of one series."""

_ANEW = 3
"""A count of tokens that begins anew more often is one of an epoch."""

_BACK = (0.8, 1.15)
"""Between these shares of it a rate is back where it was."""


@sealed
class Beginning:
    """The steps went from ``end`` back to ``start``, the first one; the loss was ``before`` and then ``after``.

    ``after`` is NaN where the values that followed were overwritten as well. ``begun`` is the loss at its first
    beginning, NaN where that was overwritten.
    """

    end: float
    start: float
    before: float
    after: float
    begun: float = float("nan")

    @property
    def goes_on(self) -> bool:
        """Whether only the counter began anew: the loss is where it was, and not where it began."""
        apart = abs(self.after - self.before)
        return apart < _ON * abs(self.before) and not abs(self.after - self.begun) < _NEARER * apart


def beginnings(run: Run) -> list[Beginning]:
    """Return the places at which the total loss was logged from its first step on once more, in the order of the log.

    None where the log has no total loss, and none where a run goes on from a later step, as after a resume.
    """
    column = run.get(names.LOSS)
    if column is None:
        return []
    loss = finite(column)
    if not len(loss):
        return []
    level = float(median(loss.value[:_BESIDE]))
    told = _told(run.facts.get(names.REWOUND))
    again = [one for one in told if one[1] <= loss.step[0]]
    found = [Beginning(end, start, before, float("nan")) for end, start, before in again[:-1]]
    found += [Beginning(end, start, before, level) for end, start, before in again[-1:]]
    for at in np.flatnonzero((np.diff(loss.step) < 0) & (loss.step[1:] <= loss.step[0])).tolist():
        # of a few records the first ones are the beginning, and the last one the end
        wide = min(_BESIDE, max(1, min(at + 1, len(loss) - at - 1) // 3))
        beside = loss.value[max(0, at - wide + 1) : at + 1], loss.value[at + 1 : at + 1 + wide], loss.value[:wide]
        levels = (float(median(values)) for values in beside)
        found.append(Beginning(float(loss.step[at]), float(loss.step[at + 1]), *levels))
    return found


def rewound(run: Run) -> list[tuple[float, float]]:
    """Return the last step before each place where the log went back, and the step it went back to.

    Of a reader that keeps the later values only. None where the log began again at its first step, which
    :func:`beginnings` tells, nor where an event beside it tells of a resume or of a rollback.
    """
    column = run.get(names.LOSS)
    if column is None:
        return []
    gap = float(median(np.diff(column.step))) if len(column) > 1 else 0.0
    known = [one.step for one in run.events if one.kind in (names.EVENT_RESUME, names.EVENT_ROLLBACK)]
    found = [(end, start) for end, start, _ in _told(run.facts.get(names.REWOUND)) if start > column.step[0]]
    return [(e, s) for e, s in found if not any(k is not None and s - 2 * gap <= k <= e for k in known)]


def recounted(run: Run) -> list[float]:
    """Return the last steps before the count of tokens began anew, as some trainers let it at a resume.

    A count falls below a half of what it was and rises in all else; one that falls more often is none.
    """
    column = run.get(names.TOKENS)
    if column is None:
        return []
    count = finite(column)
    moved = np.diff(count.value)
    back = np.flatnonzero(count.value[1:] < 0.5 * count.value[:-1])
    if not 0 < back.size <= _ANEW or len(count) < _PAIRS or int(np.sum(moved < 0)) > back.size:
        return []
    return [float(step) for step in count.step[back]]


@sealed
class Doubled:
    """Most steps stand in the log twice in a row: ``count`` of them, from ``first`` to ``last``.

    Their two values lie ``gap`` apart in the median, where the neighbours of one differ by ``noise``. They never meet,
    far beyond that noise, if ``apart``; ``ends`` are the two of the last such step, the lower one first.
    """

    count: int
    first: float
    last: float
    gap: float
    noise: float
    apart: bool
    ends: tuple[float, float]


def doubled(column: Column) -> Doubled | None:
    """Return how far the two values of each step are apart, if most steps of a finite ``column`` have two; else None.

    None too where both are the same, as in a line that is printed twice.
    """
    same = np.flatnonzero(np.diff(column.step) == 0)
    if same.size < _PAIRS or 2 * same.size < _MOST * len(column) or bool(np.any(np.diff(same) == 1)):
        return None
    pairs = np.sort(np.stack([column.value[same], column.value[same + 1]]), axis=0)
    gap, noise = float(median(pairs[1] - pairs[0])), float(median(np.abs(np.diff(pairs, axis=1))))
    if gap <= 0:
        return None
    never = float(np.min(pairs[1] - pairs[0])) > 0
    apart = never and gap >= _APART * noise and gap >= 0.1 * abs(float(median(pairs)))
    ends = float(pairs[0, -1]), float(pairs[1, -1])
    return Doubled(int(same.size), float(column.step[same[0]]), float(column.step[same[-1]]), gap, noise, apart, ends)


def told_again(column: Column) -> tuple[int, float, float]:
    """Return how many records of a finite ``column`` tell a step once more, and by how much their values differ.

    In the median, and beside it the median difference of different steps that are neighbours; NaN for none of either.
    """
    order = np.argsort(column.step, kind="stable")
    moved, same = np.abs(np.diff(column.value[order])), np.diff(column.step[order]) == 0
    gap, noise = (float(median(found)) if found.size else float("nan") for found in (moved[same], moved[~same]))
    return int(np.count_nonzero(same)), gap, noise


def rates_beside(run: Run, end: float, start: float) -> tuple[float, float] | None:
    """Return the learning rate before and after a seam from step ``end`` back to ``start``, or None."""
    rate = run.get(names.LEARNING_RATE)
    if rate is None:
        return None
    back = np.flatnonzero((rate.step[:-1] == end) & (rate.step[1:] == start)) if start < end else np.empty(0)
    at = int(back[0]) + 1 if back.size else int(np.searchsorted(rate.step, end, side="right"))
    earlier = np.flatnonzero(rate.step[:at] <= start)
    if not earlier.size or at >= len(rate):
        return None
    # the first record after a seam may be a warm-up's: one more tells
    after = float(rate.value[min(at + 1, len(rate) - 1)])
    # where only the count of the step went back, the rate goes on from the line before
    before = (float(rate.value[earlier[-1]]), float(rate.value[at - 1]))
    return min(before, key=lambda one: max(one, after) / max(min(one, after), 1e-30)), after


def warms_again(run: Run, step: float) -> bool:
    """Whether the learning rate, lower from ``step`` on, climbs back to what it was before it and not beyond that."""
    column = run.get(names.LEARNING_RATE)
    if column is None:
        return False
    rate = finite(column)
    before, later = rate.value[rate.step < step], rate.value[rate.step >= step]
    if not before.size or not later.size:
        return False
    later = later[int(np.argmin(later[:_BESIDE])) :]  # a seam is told by the last step before it, or the first after
    was, top = float(before[-1]), int(np.argmax(later))
    climbs = top > 0 and bool(np.all(np.diff(later[: top + 1]) >= 0))
    return climbs and _BACK[0] * was < float(later[top]) < _BACK[1] * was


def _told(fact: object) -> list[tuple[float, float, float]]:
    """The fact, as numbers; what is none of them is left out."""
    rows = fact if isinstance(fact, list) else []
    triples = [row for row in rows if isinstance(row, list) and len(row) == 3]
    return [
        (float(a), float(b), float(c)) for a, b, c in triples if all(isinstance(one, int | float) for one in (a, b, c))
    ]
