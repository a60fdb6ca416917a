"""Plays a finished run as if it were running: a source that reveals records by their own time.

A log without times is revealed by its records: at 1x one a second.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sad_doctor import names
from sad_doctor.readers.source import Source
from sad_doctor.readers.tail import Pace
from sad_doctor.run import Column, Event, Floats, Run

_LONGEST_LOOK = 2.0
"""A look that comes later than this many seconds after the last one was paused: the run waited too."""
_LATER = frozenset({names.STATUS, names.HEARTBEAT, names.SEEN, names.BLANK})
"""Facts that are known of a run only at its end, or that are those of another day."""
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*[x×]?", re.IGNORECASE)


def speed_of(text: str) -> float:
    """Return the factor of ``20x`` or ``20``. Raises ValueError."""
    found = _SPEED.fullmatch(text.strip())
    if found is None or not 0 < float(found[1]) < math.inf:
        raise ValueError(f"--replay {text}: write how many times as fast, for example 20x")
    return float(found[1])


class Replay:
    """Reveals what another source has read. ``clock`` tells seconds that never go back, ``now`` the Unix time."""

    def __init__(
        self,
        source: Source,
        speed: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source, self._speed, self._clock, self._now = source, speed, clock, now
        self.pace: Pace = getattr(source, "pace", None) or Pace()
        self._whole: Run | None = None
        self._when: Floats = np.zeros(0)
        self._steps: Floats = np.zeros(0)
        self._times: Column | None = None
        self._played = 0.0
        self._looked = 0.0
        self._shown = 0
        self._run: Run | None = None

    @property
    def path(self) -> Path:
        """Where the log lies."""
        return self._source.path

    @property
    def over(self) -> bool:
        """Whether all records have been revealed."""
        return self._whole is not None and self._shown >= self._when.size

    def poll(self) -> bool:
        """Reveal what has come since the last look; True if there was anything."""
        if self._whole is None:
            self._source.poll()
            if self.pace.share < 1 or self.pace.stopped:
                return False
            self._begin(self._source.run())
        if self.over:
            return False
        here = self._clock()
        self._played += min(here - self._looked, _LONGEST_LOOK) * self._speed
        self._looked = here
        shown = int(np.searchsorted(self._when, self._played, side="right"))
        if shown == self._shown and self._run is not None:
            return False
        self._shown, self._run = shown, None
        return True

    def run(self) -> Run:
        """Return the run as far as it was revealed; the whole of it, with its end, once it is over."""
        if self._whole is None:
            run = self._source.run()
            return replace(run, columns={}, events=(), tail=(), facts={names.STATUS: "running"})
        if self._run is None:
            self._run = self._whole if self.over else self._until(self._whole, self._shown)
        return self._run

    def whole(self) -> Run:
        """Return the run with all that its log has told, whether revealed or not."""
        return self._whole or self._source.run()

    def _begin(self, run: Run) -> None:
        self._whole, self._looked = run, self._clock()
        times = run.get(names.TIME)
        if times is not None and np.isfinite(times.value).all() and float(np.ptp(times.value)) > 0:
            self._when = np.maximum.accumulate(times.value - times.value[0])
            self._steps = np.maximum.accumulate(times.step)
            self._times = Column(times.step, self._now() + self._when / self._speed)
        else:
            longest = max(run.columns.values(), key=len, default=None)
            step = longest.step[np.isfinite(longest.step)] if longest is not None else np.zeros(0)
            self._steps = np.unique(step)
            self._when = np.arange(self._steps.size, dtype=np.float64)

    def _until(self, run: Run, shown: int) -> Run:
        upto = float(self._steps[shown - 1]) if shown else -math.inf
        columns = {name: _head(column, upto) for name, column in run.columns.items()}
        if self._times is not None:
            columns[names.TIME] = _head(self._times, upto)
        facts: Mapping[str, object] = {key: value for key, value in run.facts.items() if key not in _LATER}
        events = tuple(event for event in run.events if _happened(event, upto))
        return replace(run, columns=columns, events=events, facts={**facts, names.STATUS: "running"}, tail=())


def _head(column: Column, upto: float) -> Column:
    """The rows before the first one whose step lies after ``upto``."""
    later = column.step > upto
    size = int(np.argmax(later)) if later.any() else len(column)
    return Column(column.step[:size], column.value[:size])


def _happened(event: Event, upto: float) -> bool:
    return event.kind == names.EVENT_START if event.step is None else event.step <= upto
