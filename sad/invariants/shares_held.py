"""Where target shares of the loss are asked for, a training holds them, also against a teacher with huge activations.

## Property
Asked for kd 47, layerwise 27, lm 20, others (contrastive) 6 percent, the mean shares over the last third of a short
training lie within 3 points of that.

## Why it must hold
The terms shrink at different speeds. With constant weights the balance is only right where it was tuned, and one term
that is too large by a factor of a hundred owns the gradient.

## Tolerance
3 points. The weights follow slowly, on purpose: a single batch may be further off, and a term that falls fast is
followed with a lag.

## What breaks it
Constant weights on a raw layerwise term. The tiny teacher has no huge activation, so one is planted in its last block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor, nn

from sad import tiny
from sad.batch import CONTRASTIVE, KD, LAYERWISE, LM
from sad.case import Verdict
from sad.forward import block_list
from sad.pair import Pair

ID = "I16"

TARGETS = {KD: 0.47, LAYERWISE: 0.27, LM: 0.20, CONTRASTIVE: 0.06}
STEPS = 60
POINTS = 0.03
PLANTED = 1000.0
"""Size of the activation that is planted at position 0; the rest is about 1."""


class Trains(Protocol):
    """Trains."""

    def train(self, pair: Pair, targets: Mapping[str, float]) -> Sequence[Mapping[str, float]]:
        """Train the pair for ``STEPS`` steps on the terms of ``targets``; return the parts of the loss of each step."""


def shares_held(trainer: Trains) -> Verdict:
    """Judge the mean shares over the last third of a short training."""
    steps = trainer.train(planted_pair(), TARGETS)
    last = [{name: part / sum(parts.values()) for name, part in parts.items()} for parts in steps[-len(steps) // 3 :]]
    means = {name: sum(shares.get(name, 0.0) for shares in last) / len(last) for name in TARGETS}
    worst = max(TARGETS, key=lambda name: abs(means[name] - TARGETS[name]))
    off = abs(means[worst] - TARGETS[worst])
    held = len(steps) == STEPS and off <= POINTS
    says = "shares " + ", ".join(f"{name} {share:.0%}" for name, share in means.items())
    if not held:
        says = f"{worst} {means[worst]:.1%} of the loss, wanted {TARGETS[worst]:.0%}"
    return Verdict(held, says, {f"share_{name}": share for name, share in means.items()} | {"off": off})


def planted_pair() -> Pair:
    """The tiny pair, with one huge activation at position 0 of what the teacher's last block hands on."""
    pair = tiny.pair()

    def plant(_block: nn.Module, _inputs: object, state: Tensor) -> Tensor:
        state = state.clone()
        state[:, 0, 5] = PLANTED
        return state

    block_list(pair.teacher)[-1].register_forward_hook(plant)
    return pair
