"""How much of its time limit a process has spent: a machine that is busy with others must not make it look hung."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

STRETCH = 10.0
"""How many times its limit a process may take that is kept waiting for a core."""


class Look(NamedTuple):
    """Whether a process could run at the moment, and the seconds of a core that it has had."""

    runs: bool
    seconds: float


def look(pid: int) -> Look | None:
    """Look at a process; None where the system does not tell (only Linux does here)."""
    try:
        # the name, in brackets, may hold anything; state, then utime and stime as fields 14 and 15 (proc(5))
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks = int(fields[10]) + int(fields[11])
    except (OSError, ValueError, IndexError):
        return None
    return Look(state == "R", ticks / os.sysconf("SC_CLK_TCK"))


class Spent:
    """Seconds that count against a limit: of a process that sleeps all of them, else those that it had a core."""

    def __init__(
        self,
        pid: int,
        *,
        clock: Callable[[], float] = time.perf_counter,
        seen: Callable[[int], Look | None] = look,
    ) -> None:
        self.seconds = 0.0
        self._pid, self._clock, self._seen = pid, clock, seen
        self._last, self._before = clock(), seen(pid)

    def again(self) -> None:
        """Begin anew."""
        self.update()
        self.seconds = 0.0

    def update(self) -> float:
        """Count what has passed since the last look, and return all that counts."""
        now, found = self._clock(), self._seen(self._pid)
        passed = now - self._last
        counts = passed
        if found is not None and self._before is not None and found.runs:
            counts = min(passed, max(found.seconds - self._before.seconds, passed / STRETCH))
        self.seconds += counts
        self._last, self._before = now, found
        return self.seconds
