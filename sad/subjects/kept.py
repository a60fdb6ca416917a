"""What a run keeps of its weights and what it says of them, and the plainest run that does so with an average."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """Weights that were saved, as read from what was saved, and the score that the run has on record for them."""

    of: str
    told: float
    saved: Weights


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A run that has ended. ``score`` is its own evaluation, of any weights.

    ``start`` are the weights before the first step, ``last`` those that the optimizer held after the last, and
    ``scored`` those on which the last evaluation was made: where no average is kept, the same as ``last``.
    """

    claims: Sequence[Claim]
    score: Callable[[Weights], float]
    start: Weights
    last: Weights
    scored: Weights
    waits: Sequence[float] = ()
    """Times between two saves, the first from the start and the last to the end, over the time that was asked for."""
    step: float = 0.0
    """The time that a step takes, over the time that was asked for."""
    left: Sequence[str] = ()
    """What lies where it saves and is neither of the newest saves, as many as were asked for: older ones, and what was
    left of saves that were never finished, some of them by a process that was killed.
    """
    unsynced: Sequence[str] = ()
    """What of its last saves had not been handed to the disk (fsync) when they got their names, or is still open."""
    full_disk: str | None = None
    """What it ended with when a save met a full disk; None where that cannot be tried."""


Keeper = Callable[[], Kept]
"""Trains, evaluates now and then, and saves what it means to keep."""

FEATURES, SAMPLES, NOISE = 8, 64, 1.0
RATE = 0.4


class AveragingRun:
    """A right run: a regression on noisy samples, scored and saved by an exponential average of its weights.

    Each method does one thing, so that a fault can be put in one place. ``steps`` is the length of the run.
    """

    decay = 0.95

    def __init__(self, steps: int = 200, every: int = 20) -> None:
        self.steps, self.every = steps, every
        self.draw = torch.Generator().manual_seed(0)
        self.truth = torch.randn(FEATURES, generator=self.draw)
        self.held_out = torch.randn(SAMPLES, FEATURES, generator=self.draw)
        self.weight = 3 * torch.randn(FEATURES, generator=self.draw)
        self.average = self.weight.clone()
        self.best, self.saved = math.inf, self.weight.clone()

    def run(self) -> Kept:
        """Train to the end."""
        start = self.weight.clone()
        scored = start
        for step in range(self.steps):
            self.take()
            self.follow(step)
            if (step + 1) % self.every == 0 or step + 1 == self.steps:
                scored = self.evaluate()
        claim = Claim("the best", self.best, {"weight": self.saved})
        return Kept([claim], self._score_of, {"weight": start}, {"weight": self.weight}, {"weight": scored})

    def take(self) -> None:
        """Take one optimizer step on a fresh sample or two."""
        inputs = torch.randn(2, FEATURES, generator=self.draw)
        noise = NOISE * torch.randn(2, generator=self.draw)
        error = inputs @ (self.weight - self.truth) - noise
        self.weight = self.weight - RATE / FEATURES * (error @ inputs)

    def decay_at(self, step: int) -> float:
        """Return how much of the average stays at ``step``: little at first, so that the start is soon forgotten."""
        return min(self.decay, (1 + step) / (10 + step))

    def follow(self, step: int) -> None:
        """Move the average."""
        self.average = torch.lerp(self.weight, self.average, self.decay_at(step))

    def evaluate(self) -> Float[Tensor, " features"]:
        """Score the average; if it is the best so far, save it. Return what was scored."""
        raw, self.weight = self.weight, self.average
        score = self.score(self.weight)
        if score < self.best:
            self.best = score
            self.keep()
        scored, self.weight = self.weight.clone(), raw
        return scored

    def keep(self) -> None:
        """Save the weights as they stand in the model now."""
        self.saved = self.weight.clone()

    def score(self, weight: Float[Tensor, " features"]) -> float:
        """Return the mean squared error on held-out samples."""
        return float((self.held_out @ (weight - self.truth)).square().mean())

    def _score_of(self, weights: Weights) -> float:
        return self.score(weights["weight"])
