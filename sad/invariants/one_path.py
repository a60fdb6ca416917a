"""What the evaluation compares is what the training compares.

## Property
On one batch, with dropout off, the training's value of a projected term equals the evaluation's, and the projector is
given the same inputs in both.

## Why it must hold
A projector is right only for what it was trained on. An evaluation that feeds it something else of the same width
measures noise, and measures it with two digits after the point.

## Tolerance
1e-5 of the value, as the two may add in another order, and 1e-6 of the size of the inputs; 0 was found for both on the
code that trains.

## What breaks it
Two ways through one `forward`, chosen by which argument is given; an evaluation that rebuilds the states from the
output probabilities; another layer, another norm, padding included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sad.verdict import Verdict

ID = "I07"

TOLERANCE = 1e-5
INPUTS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """A trained projector, and the value of one and the same batch in training and in evaluation, a scalar each."""

    projector: nn.Module
    training: Callable[[], Tensor]
    evaluation: Callable[[], Tensor]


@torch.no_grad()
def one_path(paths: Paths) -> Verdict:
    """Judge the two ways by what the projector sees and by what comes out."""
    training, fed = _run(paths.projector, paths.training)
    evaluation, asked = _run(paths.projector, paths.evaluation)
    numbers = {"training": training, "evaluation": evaluation}
    if not len(fed) or not len(asked):
        where = "training" if not len(fed) else "evaluation"
        return Verdict(False, f"{where} does not use the projector", numbers)
    if fed.shape != asked.shape:
        return Verdict(
            False, f"the projector is given {len(fed)} numbers in training, {len(asked)} in evaluation", numbers
        )
    apart = float((fed - asked).norm() / fed.norm().clamp_min(1e-30))
    if not apart <= INPUTS:
        cosine = float(functional.cosine_similarity(fed, asked, dim=0))
        numbers["cosine"] = cosine
        says = f"the cosine of the projector's inputs in training and evaluation is {cosine:.2f}"
        return Verdict(False, f"{says}; {training:.3g} against {evaluation:.3g}", numbers)
    if not abs(training - evaluation) <= TOLERANCE * max(abs(training), 1e-9):
        return Verdict(False, f"{training:.5g} in training, {evaluation:.5g} in evaluation of one batch", numbers)
    return Verdict(True, f"{training:.5g} in training and evaluation, from the same inputs", numbers)


def _run(projector: nn.Module, value: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """The value, and every number that the projector was given, in order."""
    given: list[Tensor] = []

    def look(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        given.extend(one.detach().double().reshape(-1) for one in inputs)

    hook = projector.register_forward_pre_hook(look)
    try:
        found = float(value())
    finally:
        hook.remove()
    return found, torch.cat(given) if given else torch.zeros(0)
