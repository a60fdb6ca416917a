"""Evaluation judges with the training's own objective, and by a score that depends on weights and text alone.

## Property
On one text, evaluated before each step that trains on it: the loss that the step reports equals the loss that the
evaluation reported. With a student that is held still, dropout and all, the score by which evaluations are compared is
the same at every step, to the last bit.

## Why it must hold
Else two curves of one run cannot be read against each other, and a schedule that moves the objective looks like
learning, or stops a run early.

## Tolerance
1e-5 of the loss: the step and the evaluation may add in another order. None for the score.

## What breaks it
An evaluation without the step, which falls back to the schedule's end; an evaluation with the step, whose total is
then compared over steps; dropout left on; terms written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from sad import tiny
from sad.verdict import Verdict

ID = "I02"

STEPS = 3
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one text before a step and at it: the losses, and the score that evaluations are compared by."""

    training: float
    evaluation: float
    score: float


class Runner(Protocol):
    """Trains."""

    def run(self, student: nn.Module, *, held: bool) -> Sequence[Told]:
        """Train ``student`` for ``STEPS`` steps on one text, evaluated before each; if ``held``, move nothing."""


def evaluation_parity(runner: Runner) -> Verdict:
    """Judge a training that moves, and one whose student is held."""
    moving = runner.run(_student(0.0), held=False)
    apart = max(moving, key=_distance)
    held = [told.score for told in runner.run(_student(0.5), held=True)]
    numbers = {"training": apart.training, "evaluation": apart.evaluation, "lowest": min(held), "highest": max(held)}
    if len(moving) != STEPS or not _distance(apart) <= TOLERANCE:
        says = f"{apart.training:.2f} in training, {apart.evaluation:.2f} in evaluation of the same text and weights"
        return Verdict(False, says, numbers)
    if len(held) != STEPS or any(score != held[0] for score in held):
        farthest = max((abs(score - held[0]) for score in held), default=0.0)
        return Verdict(False, f"a student held still scores {held[0]:.2f}, then {farthest:.2g} away from it", numbers)
    says = f"{apart.training:.2f} in training and evaluation; held still, {held[0]:.2f} at every step"
    return Verdict(True, says, numbers)


def _student(dropout: float) -> nn.Module:
    return tiny.model(tiny.reader(320).size, layers=2, width=16, seed=2, attention_dropout=dropout)


def _distance(told: Told) -> float:
    apart = abs(told.training - told.evaluation) / max(abs(told.training), 1e-9)
    return apart if apart == apart else float("inf")
