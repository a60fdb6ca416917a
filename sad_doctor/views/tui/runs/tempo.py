"""How fast a run goes and when it last said something: the live part of the head."""

from __future__ import annotations

import math
import os
from collections import deque
from pathlib import Path

import numpy as np

from sad_doctor import names
from sad_doctor.run import Column, Floats, Run
from sad_doctor.sealed import sealed
from sad_doctor.views.tui.charts.history import grown_from

_RECORDS = 64
"""The pace is that of so many of the last records."""
_USUAL = 512
"""Records that tell how long a run pauses, as for an evaluation or a checkpoint."""
_WATCHED = 120.0
"""Seconds over which the pace is observed where the log has no times."""
_MOST_FILES = 500


@sealed
class Tempo:
    """``last`` is the Unix time of the last record, ``rate`` are steps a second; None where they are not known.

    ``pause`` is the longest time between two of the last records, in seconds; None where they are few or have no times.
    """

    last: float | None = None
    rate: float | None = None
    pause: float | None = None

    def left(self, step: float, total: float | None) -> float | None:
        """Return the seconds to the last step at this pace, None where one of them is not known."""
        if not total or not math.isfinite(total) or not self.rate or step >= total:
            return None
        return (total - step) / self.rate


class Pulse:
    """Takes the tempo of a run that is looked at again and again."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def take(self, run: Run, path: Path, step: float, now: float) -> Tempo:
        """Return the tempo; ``step`` is the last step, ``now`` the Unix time."""
        if not self._seen or self._seen[-1][1] != step:
            self._seen.append((now, step))
        while self._seen and now - self._seen[0][0] > _WATCHED:
            self._seen.popleft()
        times = run.get(names.TIME)
        if times is not None and math.isfinite(times.last) and times.last > 0:
            rate = _rate(times.value[-_RECORDS:], times.step[-_RECORDS:]) or self._watched()
            return Tempo(times.last, rate, _pause(times.value[-_USUAL:]))
        beats = [t for t in (run.fact(names.HEARTBEAT), last_written(path)) if t is not None]
        return Tempo(max(beats) if beats else None, self._watched())

    def _watched(self) -> float | None:
        if len(self._seen) < 3:
            return None
        # the first entry is what was there before anyone watched
        seconds, steps = np.array(list(self._seen)[1:], dtype=np.float64).T
        return _rate(seconds, steps)


def last_written(path: Path) -> float | None:
    """Return the Unix time at which a file, or the newest file in a folder, was last written; None if unknown."""
    try:
        if not path.is_dir():
            return path.stat().st_mtime
        with os.scandir(path) as entries:
            found = [e.stat().st_mtime for _, e in zip(range(_MOST_FILES), entries, strict=False) if e.is_file()]
    except OSError:
        return None
    return max(found, default=None)


class Reach:
    """The first and the last step of any column; looks at new rows only."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Column, float, float]] = {}

    def of(self, run: Run) -> tuple[float, float] | None:
        """Return both, None for a run without a finite step."""
        known = {name: self._one(name, column) for name, column in run.columns.items() if len(column)}
        self._known = known
        low = min((a for _, a, _ in known.values()), default=math.inf)
        high = max((b for _, _, b in known.values()), default=-math.inf)
        return (low, high) if low <= high else None

    def _one(self, name: str, column: Column) -> tuple[Column, float, float]:
        old, low, high = self._known.get(name, (None, math.inf, -math.inf))
        if old is column:
            return column, low, high
        start = 0
        if old is not None and grown_from(old, column):
            start = len(old)
        else:
            low, high = math.inf, -math.inf
        new = column.step[start:]
        new = new if _finite(new) else new[np.isfinite(new)]
        return (column, min(low, float(new.min())), max(high, float(new.max()))) if new.size else (column, low, high)


def _finite(step: Floats) -> bool:
    return math.isfinite(float(step.sum())) if step.size else True


def _pause(seconds: Floats) -> float | None:
    """The longest time between two records; None of fewer than ``_RECORDS``, which may not have seen a pause yet."""
    gaps = np.diff(seconds[np.isfinite(seconds)])
    return float(gaps.max()) if gaps.size >= _RECORDS else None


def _rate(seconds: Floats, steps: Floats) -> float | None:
    """Steps a second between the first and the last of some records; None where time or steps stand or go back."""
    if seconds.size < 2:
        return None
    took, went = float(seconds[-1] - seconds[0]), float(steps[-1] - steps[0])
    return went / took if took > 0 and went > 0 and math.isfinite(went / took) else None
