"""The gradient of the loss is that of its terms, each times its weight: nothing flows through the weights.

## Property
For raw values r and the weights w that the step uses, d loss / d r = w, also when the weights were derived from r.

## Why it must hold
A weight w = share / r that is differentiated cancels its term: the loss is then a constant, its gradient zero, and
the curve of a balanced loss shows none of that.

## Tolerance
1e-5 of each weight.

## What breaks it
Balancing by value without detaching; learned weights that are lowered instead of the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from sad.verdict import Verdict

ID = "I14"

RAW = {"kd": 3.0, "layerwise": 2.0, "lm": 5.0, "contrastive": 4.0}


class Weighs(Protocol):
    """Adds terms up."""

    def loss(self, raw: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
        """Return the loss of these raw values (scalars with gradient) and the weights that are on record for it."""


def weights_constant(objective: Weighs) -> Verdict:
    """Judge the derivative of the loss by each raw value."""
    raw = {name: torch.tensor(value, requires_grad=True) for name, value in RAW.items()}
    loss, weights = objective.loss(raw)
    found = torch.autograd.grad(loss, list(raw.values()), allow_unused=True)
    slopes = {name: 0.0 if slope is None else float(slope) for name, slope in zip(raw, found, strict=True)}
    error = max(abs(slope - weights[name]) / abs(weights[name]) for name, slope in slopes.items())
    worst = max(slopes, key=lambda name: abs(slopes[name] - weights[name]))
    says = "gradient of every term is its weight"
    if not error <= 1e-5:
        says = f"gradient of {worst} is {slopes[worst]:.3g}, its weight {weights[worst]:.3g}"
    return Verdict(error <= 1e-5, says, {"error": error})
