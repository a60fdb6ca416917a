"""No gradient reaches the student through what it is compared with.

## Property
For every term between a prediction and a target: with the prediction held constant, the student's gradient is nothing;
and the gradient that the training takes of the term is the gradient of the same distance to a constant target.

## Why it must hold
A student that can move its target is taught to make the task easier, not to solve it. The loss falls all the same.

## Tolerance
1e-5 of the gradient: three ways to write a KL in float32 over 40 to 30,000 tokens (whole, in pieces, without the
teacher's entropy) were found at most 9e-7 apart. The part that goes through the target must be nothing at all.

## What breaks it
A target that is made with a weight of the student's (its embedding, its head, a shared norm) without `detach`; a
teacher that shares modules with the student and is run with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sad.case import Verdict

ID = "I13"

TOLERANCE = 1e-5

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One term: its ``value`` as the training takes it, a scalar, and the two sides of it with their graphs."""

    value: Tensor
    prediction: Tensor
    target: Tensor
    distance: Distance


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Terms that teach a student. ``compare()`` runs the models and gives every term by name."""

    student: Sequence[nn.Parameter]
    compare: Callable[[], Mapping[str, Compared]]


def target_gets_no_gradient(transfer: Transfer) -> Verdict:
    """Judge every term, each from a run of its own."""
    numbers: dict[str, float] = {}
    names = list(transfer.compare())
    for name in names:
        of = transfer.compare()[name]
        right = _gradient(of.distance(of.prediction, of.target.detach()), transfer.student)
        through = _gradient(of.distance(of.prediction.detach(), of.target), transfer.student)
        got = _gradient(of.value, transfer.student)
        size, leak = float(right.norm()), float(through.norm())
        apart = float((got - right).norm()) / max(size, 1e-30)
        numbers |= {f"{name}_leak": leak, f"{name}_apart": apart}
        if not size > 0:
            return Verdict(False, f"{name} gives the student no gradient", numbers)
        if leak != 0:
            says = f"{name}: with the student's side constant its gradient is {leak:.2g}, against {size:.2g} in all"
            return Verdict(False, says, numbers)
        if not apart <= TOLERANCE:
            says = f"{name}: its gradient is {apart:.2g} away from that to a constant target"
            return Verdict(False, says, numbers)
    return Verdict(True, f"{', '.join(names)}: nothing through the target", numbers)


def _gradient(value: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The gradient of a scalar, flat; zero where there is none."""
    if not value.requires_grad:
        return torch.zeros(1)
    found = torch.autograd.grad(value, list(parameters), retain_graph=True, allow_unused=True)
    parts = [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]
    return torch.cat([part.detach().double().reshape(-1) for part in parts])
