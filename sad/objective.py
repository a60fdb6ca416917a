"""Terms x weights -> the loss, with every raw value, weight and share on record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from sad.aware.readiness import Readiness
from sad.aware.tokens import Gaps
from sad.batch import KD, LM, Sum

FARTHEST = 1e4
"""Largest factor between a weight and its first value, where the weights hold shares of the gradient."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """One step's account: ``loss`` is the sum of ``weighted``, and ``weighted[t] = weight[t] * raw[t]``."""

    raw: dict[str, float]
    weight: dict[str, float]

    @property
    def weighted(self) -> dict[str, float]:
        """Each term's part of the loss."""
        return {name: self.weight[name] * value for name, value in self.raw.items()}

    @property
    def loss(self) -> float:
        """The total; non-finite if a part is."""
        return sum(self.weighted.values(), 0.0)

    @property
    def shares(self) -> dict[str, float]:
        """Each term's share of the loss, 0 to 1."""
        whole = sum(abs(v) for v in self.weighted.values())
        return {name: abs(value) / whole if whole else 0.0 for name, value in self.weighted.items()}


@dataclass(slots=True)
class Objective:
    """``loss = sum over terms of weight * total / units``, units counted over the whole optimizer step.

    With ``shares`` (any positive numbers, made to sum to 1) the weights are adapted so that each term's part of the
    loss approaches its target. Weights are numbers: no gradient flows through them. The logarithm of a weight moves
    by at most ``rate`` a step, judged by a running mean of the raw values (``memory`` is what a step leaves of it).
    One term, LM or else the first, keeps its weight, so that the loss still falls when the terms do.

    With ``every`` the shares are those of the gradient's norm instead, measured every that many steps and passed to
    :meth:`steer`. ``readiness`` holds the weights of terms that wait, ``gaps`` the weights of KD's positions.
    """

    weights: dict[str, float]
    shares: Mapping[str, float] | None = None
    rate: float = 0.1
    memory: float = 0.9
    means: dict[str, float] = field(default_factory=dict)
    every: int | None = None
    readiness: Readiness | None = None
    gaps: Gaps | None = None
    _first: dict[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._first = dict(self.weights)
        if self.readiness is not None:
            self.weights |= self.readiness.weights

    def part(self, sums: Mapping[str, Sum], units: Mapping[str, int]) -> Float[Tensor, ""]:
        """Return what one micro-batch adds to the loss; ``units`` are the step's, over all its micro-batches."""
        # a term without a unit in this step adds nothing, not 0/0; it stays in the graph, so that on several
        # processes every weight has a gradient on each of them
        parts = [self.weights[name] * s.total / max(1, units[name]) for name, s in sums.items()]
        return torch.stack(parts).sum()

    def scales(self, units: Mapping[str, int]) -> dict[str, float]:
        """Return what :meth:`part` multiplies each term's total by; ``units`` are the step's."""
        return {name: weight / max(1, units[name]) for name, weight in self.weights.items()}

    def ledger(self, totals: Mapping[str, float], units: Mapping[str, int]) -> Ledger:
        """Return the account of a step (or of an evaluation) from its summed totals."""
        raw = {name: total / units[name] for name, total in totals.items() if units[name]}
        return Ledger(raw, {name: self.weights[name] for name in raw})

    def follow(self, ledger: Ledger, factors: float) -> None:
        """Update after a step: what follows the student, and the weights, a little towards the target shares.

        ``factors`` is the sum of the positions' unscaled weights (:meth:`sad.aware.tokens.Gaps.counted`). Without
        target shares, or where a value is not positive and finite, no weight moves.
        """
        if self.gaps is not None and KD in ledger.raw:
            self.gaps.follow(ledger.raw[KD], factors)
        if self.readiness is not None and LM in ledger.raw:
            self.readiness.follow(ledger.raw[LM])
            self.weights |= self.readiness.weights
        if self.shares is not None and self.every is None and _useful(ledger.raw):
            self._move(ledger.raw, self.shares)

    def steer(self, grad_shares: Mapping[str, float]) -> None:
        """Move the weights towards the target shares of the gradient's norm: at once the first time, then a little.

        ``grad_shares`` were measured with the current weights (:mod:`sad.train.ledger.grad_shares`). Without target
        shares, or where a value is not positive and finite, do nothing.
        """
        if self.shares is None or not _useful(grad_shares):
            return
        norms = {name: share / self.weights[name] for name, share in grad_shares.items()}
        # what the norms were divided by differs from one time to the next
        unit = norms[LM if LM in norms else next(iter(norms))]
        relative = {name: norm / unit for name, norm in norms.items()}
        if self.means:
            self._move(relative, self.shares)
        else:
            self.means |= relative
            self.weights |= self._wanted(relative, self.shares)
        for name, first in self._first.items():
            self.weights[name] = max(first / FARTHEST, min(first * FARTHEST, self.weights[name]))

    def calibrate(self, ledger: Ledger) -> None:
        """Set the weights at once so that ``ledger`` would have met the target shares; for the first step only."""
        if self.shares is not None and self.every is None and _useful(ledger.raw):
            self.weights |= self._wanted(ledger.raw, self.shares)

    def level(self, ledger: Ledger) -> float:
        """Return the loss that the step would have if no term had to wait, so that a term that sets in is no spike."""
        if self.readiness is None:
            return ledger.loss
        whole = {name: weight for name, weight in self.readiness.whole.items() if name in ledger.raw}
        return Ledger(ledger.raw, {**ledger.weight, **whole}).loss

    def begin(self, start: float, goal: float) -> None:
        """Take the LM losses of the student before its first step and of the teacher, in nats per token of the student.

        Only once: a resumed run has them from its checkpoint.
        """
        if self.readiness is not None and self.readiness.start is None:
            self.readiness.measure(start, goal)
            self.weights |= self.readiness.weights

    def state(self) -> dict[str, dict[str, float]]:
        """Return the state, for a checkpoint, of what follows the student; empty where nothing does."""
        parts = {"readiness": self.readiness, "gaps": self.gaps}
        return {name: part.state() for name, part in parts.items() if part is not None}

    def recall(self, state: Mapping[str, Mapping[str, float]]) -> None:
        """Go on from a checkpoint's state."""
        for name, part in (("readiness", self.readiness), ("gaps", self.gaps)):
            if part is not None:
                part.recall(state.get(name, {}))

    def _move(self, values: Mapping[str, float], shares: Mapping[str, float]) -> None:
        for name, value in values.items():
            known = self.means.get(name, value)
            self.means[name] = self.memory * known + (1 - self.memory) * value
        for name, wanted in self._wanted(self.means, shares).items():
            step = math.log(wanted / self.weights[name])
            self.weights[name] *= math.exp(max(-self.rate, min(self.rate, step)))

    def _wanted(self, values: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
        anchor = LM if LM in values else next(iter(values))
        unit = self.weights[anchor] * values[anchor] / shares[anchor]
        return {name: unit * shares[name] / value for name, value in values.items() if name != anchor}


def _useful(values: Mapping[str, float]) -> bool:
    return bool(values) and all(math.isfinite(v) and v > 0 for v in values.values())
