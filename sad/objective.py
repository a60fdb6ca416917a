"""Terms x weights -> the loss, with every raw value, weight and share on record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from sad.batch import LM, Sum


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

    With ``shares`` (any positive numbers, made to sum to 1) the weights follow so that each term's part of the
    loss nears its target. The weights are numbers: no gradient flows through them. They move by at most
    ``rate`` of their logarithm a step, against a running mean of the raw values, and relative to the anchor,
    whose weight stays: so the loss still falls when the terms do.
    """

    weights: dict[str, float]
    shares: Mapping[str, float] | None = None
    rate: float = 0.1
    memory: float = 0.9
    means: dict[str, float] = field(default_factory=dict)

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

    def follow(self, ledger: Ledger) -> None:
        """Move the weights a little towards the target shares. Without targets, or on useless values, do nothing."""
        if self.shares is None or not _useful(ledger):
            return
        for name, value in ledger.raw.items():
            known = self.means.get(name, value)
            self.means[name] = self.memory * known + (1 - self.memory) * value
        for name, wanted in self._wanted(self.means, self.shares).items():
            step = math.log(wanted / self.weights[name])
            self.weights[name] *= math.exp(max(-self.rate, min(self.rate, step)))

    def calibrate(self, ledger: Ledger) -> None:
        """Set the weights at once so that ``ledger`` would have met the target shares; for the first step only."""
        if self.shares is not None and _useful(ledger):
            self.weights |= self._wanted(ledger.raw, self.shares)

    def _wanted(self, values: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
        anchor = LM if LM in values else next(iter(values))
        unit = self.weights[anchor] * values[anchor] / shares[anchor]
        return {name: unit * shares[name] / value for name, value in values.items() if name != anchor}


def _useful(ledger: Ledger) -> bool:
    return bool(ledger.raw) and all(math.isfinite(v) and v > 0 for v in ledger.raw.values())
