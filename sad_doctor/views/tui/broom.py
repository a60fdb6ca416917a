"""Collects garbage while nobody presses a key: to look through all of it takes longer than a frame."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

YOUNG = (2_000, 20, 1 << 20)
"""Thresholds of the collector with which what is new is collected as it comes, in a few milliseconds, and all of it by
:meth:`Broom.sweep` alone."""
_QUIET = 2.0
"""Seconds without a key or a mouse that moves, after which nobody waits for an answer."""
_EVERY = 20.0
"""Seconds between two sweeps."""


class Broom:
    """Knows when somebody was here last. ``clock`` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._touched = self._swept = clock()

    def touch(self) -> None:
        """Somebody presses a key."""
        self._touched = self._clock()

    def sweep(self) -> bool:
        """Collect all garbage unless it was done just now or somebody is here; whether it was done."""
        now = self._clock()
        if now - self._touched < _QUIET or now - self._swept < _EVERY:
            return False
        gc.collect()
        self._swept = now
        return True
