"""Terms that set in late: their weight rises with measured progress, never falls, and survives a resume."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MEMORY = 0.9
"""Share of the running mean of the LM loss that a step leaves as it was."""


@dataclass(slots=True)
class Readiness:
    """Weights of the terms that wait: ``whole[term]`` times a ramp from 0 at progress ``begin`` to 1 at ``end``.

    Progress is (start - now) / (start - goal): ``start`` is the student's LM loss before the first step, ``goal`` the
    teacher's of the same text, per token of the student, and ``now`` the running mean of the steps' LM loss. The ramp
    follows the furthest progress so far. Losses are in nats. A student no worse than the teacher is ready.
    """

    whole: dict[str, float]
    begin: float
    end: float
    start: float | None = None
    goal: float | None = None
    mean: float | None = None
    reached: float = 0.0

    def measure(self, start: float, goal: float) -> None:
        """Take the two losses between which progress is measured. Nats per token of the student."""
        self.start, self.goal = start, goal
        self._reach(start)

    def follow(self, loss: float) -> None:
        """Update the mean with a step's LM loss, nats per token; one that is not finite changes nothing."""
        if math.isfinite(loss):
            self.mean = loss if self.mean is None else MEMORY * self.mean + (1 - MEMORY) * loss
            self._reach(self.mean)

    @property
    def weights(self) -> dict[str, float]:
        """The current weights of the terms that wait."""
        ramp = min(1.0, max(0.0, (self.reached - self.begin) / (self.end - self.begin)))
        return {name: weight * ramp for name, weight in self.whole.items()}

    def state(self) -> dict[str, float]:
        """Return what a checkpoint holds."""
        known = {"start": self.start, "goal": self.goal, "mean": self.mean, "reached": self.reached}
        return {name: value for name, value in known.items() if value is not None}

    def recall(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint's state."""
        self.start, self.goal, self.mean = state.get("start"), state.get("goal"), state.get("mean")
        self.reached = state.get("reached", 0.0)

    def _reach(self, loss: float) -> None:
        if self.start is None or self.goal is None or not math.isfinite(self.start - self.goal):
            return
        way = self.start - self.goal
        now = (self.start - loss) / way if way > 0 else self.end
        self.reached = max(self.reached, now)
