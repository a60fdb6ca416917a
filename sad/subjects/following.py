"""What may follow the student while it learns, and the state that it keeps: in the plainest form, of numbers alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from sad.subjects.objective import LM

MEMORY = 0.9
"""Share of a running mean that a step leaves as it was."""
STRIDE = 0.1
"""Most that the logarithm of a weight moves where a share is followed."""


@dataclass(frozen=True, slots=True)
class Following:
    """What follows the student, over ``steps`` steps of one pass or several through the texts; the account is of the
    last. A step takes two micro-batches.

    - ``power``, ``most``: KD's gradient at a place is weighed by f / s. f is (gap / m) to the power, between 1 over
      ``most`` and ``most``, and 1 before m is known; gap is the place's KD, m the running mean of the steps' KD, s that
      of the steps' mean f, from the first whose m was known.
    - ``learned``: a block of the student's pairs answers to a mixture of all blocks of the teacher, each brought to
      mean 0 and variance 1. The shares are a softmax of scores that are trained, and begin at minus the distance to the
      pair's block.
    - ``waiting`` terms have their weight times a ramp that rises from 0 at progress ``begin`` to 1 at ``end``. Progress
      is the way from the student's first loss of held-out text to the teacher's, in nats per token of the student, that
      the running mean of the steps' LM loss has gone, at its furthest; it is whole where the student is no worse.
    - ``shares`` of the gradient's norm are wanted, and measured after the first step, and every ``every`` later, on the
      step's first micro-batch: the weights but LM's meet them at once, later they move by no more than a tenth of their
      logarithm towards the mean of what was measured.

    Running means keep 0.9 of what they were. ``stopped``: after so many steps the run is stopped, and taken up.
    """

    steps: int
    power: float = 0.0
    most: float = 4.0
    learned: bool = False
    waiting: tuple[str, ...] = ()
    begin: float = 0.25
    end: float = 0.5
    shares: Mapping[str, float] | None = None
    every: int = 3
    stopped: int | None = None


@dataclass(slots=True)
class State:
    """What is known before a step. ``start`` and ``goal`` are the losses between which progress is measured."""

    of: Following
    whole: Mapping[str, float]
    start: float
    goal: float
    weights: dict[str, float] = field(default_factory=dict)
    gap: float | None = None
    factor: float | None = None
    loss: float | None = None
    reached: float = 0.0
    norms: dict[str, float] | None = None

    def __post_init__(self) -> None:
        self.reached = 1.0 if self.goal >= self.start else 0.0
        self.weights = dict(self.whole) | self.waiting()

    def factors(self, gaps: Tensor) -> Tensor:
        """The weights f of some places, before they are scaled."""
        if self.gap is None:
            return gaps.detach() * 0 + 1
        most = self.of.most
        return (gaps.detach().clamp_min(0) / self.gap).pow(self.of.power).clamp(1 / most, most)

    def waiting(self) -> dict[str, float]:
        """The weights of the terms that wait."""
        ramp = (self.reached - self.of.begin) / (self.of.end - self.of.begin)
        return {name: self.whole[name] * min(1.0, max(0.0, ramp)) for name in self.of.waiting}

    def follow(self, gap: float, factor: float, loss: float) -> None:
        """Take in a step: its KD, its mean f and its LM loss."""
        if self.gap is not None:
            self.factor = _mean(self.factor, factor)
        self.gap, self.loss = _mean(self.gap, gap), _mean(self.loss, loss)
        if self.goal < self.start:
            self.reached = max(self.reached, min(1.0, (self.start - self.loss) / (self.start - self.goal)))
        self.weights |= self.waiting()

    def steer(self, norms: Mapping[str, float]) -> None:
        """Take in the norm of each term's gradient before its weight."""
        found, first = {name: norm / norms[LM] for name, norm in norms.items()}, self.norms is None
        self.norms = found if self.norms is None else {n: _mean(self.norms[n], norm) for n, norm in found.items()}
        for name, norm in self.norms.items():
            if self.of.shares is None or name == LM:
                continue
            wanted = self.weights[LM] * self.of.shares[name] / self.of.shares[LM] / norm
            way = math.log(wanted / self.weights[name])
            self.weights[name] *= math.exp(way if first else max(-STRIDE, min(STRIDE, way)))


def _mean(known: float | None, value: float) -> float:
    return value if known is None else MEMORY * known + (1 - MEMORY) * value
