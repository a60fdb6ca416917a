"""Each term's share of the gradient: the value of a term says little about how hard it pulls."""

from __future__ import annotations

import math

import torch
from accelerate import Accelerator
from torch import Tensor

from sad.batch import Batch
from sad.distiller import Distiller
from sad.objective import Objective
from sad.train.saving import random_states
from sad.train.watch.out_of_memory import out_of_memory


def grad_shares(
    accelerator: Accelerator, distiller: Distiller, objective: Objective, batch: Batch, scale: float = 1.0
) -> dict[str, float]:
    """Return ‖gradient of weight * term‖ over the sum of these norms, for each term, by its name; they sum to 1.

    The norm is over all of the student's weights, of the mean over one micro-batch (each process's own; the squares are
    averaged, so that all get the same numbers). It takes one forward pass of both models and a backward pass a term:
    the cheapest way that is exact, since the gradients are wanted one by one. No gradient, no weight and no random
    generator is changed. ``scale`` multiplies all of them, for what float16 can hold. Not a number where every norm is
    0, one is not finite, or the memory does not suffice.
    """
    states = random_states.own()
    try:
        squares = _squares(accelerator, distiller, objective, batch, scale)
    except Exception as error:
        if not out_of_memory(error):
            raise
        # it needs more than the step does; the others must not wait for a process that gave up
        squares = [torch.full((), math.nan, device=accelerator.device) for _ in distiller.names]
    random_states.set_own(states)
    total = accelerator.reduce(torch.stack(squares), "mean").tolist()
    norms = dict(zip(distiller.names, map(math.sqrt, total), strict=True))
    whole = sum(norms.values())
    return {name: norm / whole if whole else math.nan for name, norm in norms.items()}


def _squares(
    accelerator: Accelerator, distiller: Distiller, objective: Objective, batch: Batch, scale: float
) -> list[Tensor]:
    """Return the squared norm of each term's gradient, in the order of the distiller's names."""
    weights = [p for p in distiller.student.parameters() if p.requires_grad]
    moved = batch.to(accelerator.device)
    with accelerator.autocast():
        # not a call: whoever watches what is trained on need not see this pass
        sums = distiller.forward(moved, distiller.ask_teacher(moved))
        parts = [scale * objective.weights[n] * sums[n].total / max(1, sums[n].units) for n in distiller.names]
    squares = []
    for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
        found = torch.autograd.grad(part, weights, retain_graph=left > 0, allow_unused=True)
        squares.append(_square([g for g in found if g is not None], accelerator.device))
    return squares


def _square(gradients: list[Tensor], device: torch.device) -> Tensor:
    if not gradients:
        return torch.zeros((), device=device)
    square: Tensor = torch.stack(torch._foreach_norm(gradients)).float().norm().square()
    return square
