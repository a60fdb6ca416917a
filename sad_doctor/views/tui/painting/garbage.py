"""Collects garbage while nobody presses a key: a full collection takes longer than a frame."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

YOUNG = (2_000, 500, 1 << 20)
"""Thresholds of Python's collection: what is new is collected as it comes, in a millisecond; what has lived through
that by :meth:`Collector.sweep`, or after a million objects where somebody never rests; all of it by that alone."""
_PAUSE = 0.3
"""Seconds without a key, after which a collection of ten milliseconds keeps nobody waiting."""
_QUIET = 2.0
"""Seconds without a key or a mouse that moves, after which nobody waits for an answer."""
_EVERY = 20.0
"""Seconds between two sweeps of everything."""
_WORTH = 10
"""Collections of the youngest generation after which the next one is worth collecting."""


class Collector:
    """Collects garbage in pauses: it knows when somebody was here last. ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._touched = self._swept = clock()

    def touch(self) -> None:
        """Somebody presses a key."""
        self._touched = self._clock()

    @property
    def resting(self) -> bool:
        """Whether there is a pause between two keys."""
        return self._clock() - self._touched >= _PAUSE

    def sweep(self) -> bool:
        """Collect all garbage unless it was done just now or somebody is here; whether it was done."""
        now = self._clock()
        if now - self._touched < _QUIET or now - self._swept < _EVERY:
            if self.resting and gc.get_count()[1] >= _WORTH:
                gc.collect(1)
            return False
        gc.collect()
        self._swept = now
        return True
