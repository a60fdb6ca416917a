"""`train.max_hours`: the run saves and ends by itself a little before a rented session does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

SHARE, MOST = 0.05, 120.0
"""Of the time allowed, what is kept back until a checkpoint has shown how long one takes; in seconds at the most."""
AGAIN = 1.5
"""Factor by which a checkpoint, or a step, may take longer than the longest so far."""


class Deadline:
    """Tells when to end, so that the last checkpoint is written before ``hours`` are over.

    ``began`` is when they began, by ``now``. Without hours it never tells to.
    """

    def __init__(
        self, hours: float | None, began: float | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._seconds = None if hours is None else 3600 * hours
        self._began = now() if began is None else began
        self._round, self._longest_round, self._longest_save = now(), 0.0, 0.0

    def started(self) -> None:
        """A step begins, with all that follows it."""
        self._round = self._now()

    def worked(self) -> None:
        """The step is done, with what follows it. Waiting for text is no part of it, since that can be broken off."""
        self._longest_round = max(self._longest_round, self._now() - self._round)
        self._round = math.inf

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long, copies included."""
        self._longest_save = max(self._longest_save, seconds)
        # it is part of a step's round, which must not count it twice
        self._round += seconds

    def passed(self) -> bool:
        """Return whether another step could end too late. Called at the end of each."""
        now = self._now()
        self._longest_round = max(self._longest_round, now - self._round)
        if self._seconds is None:
            return False
        spare = AGAIN * self._longest_save or min(MOST, SHARE * self._seconds)
        return now + AGAIN * self._longest_round + spare > self._began + self._seconds
