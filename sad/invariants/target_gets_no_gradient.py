"""No gradient reaches the student through what it is compared with.

## Property
For every term between a prediction and a target: with the prediction held constant, the student's gradient is nothing;
and the gradient that the training takes of the term is the gradient of the same distance to a constant target. Where
the distance has a definition, value and gradient are those of it in float64: between the two sides as they are, in
half precision, a thousand times smaller or ten times larger, next to nothing and of the other sign, with rows of zeros
in the target, and where both sides are equal: then nothing.

## Why it must hold
A student that can move its target is taught to make the task easier, not to solve it. The loss falls all the same.

## Tolerance
1e-5 of the gradient: three ways to write a KL in float32 over 40 to 30,000 tokens (whole, in pieces, without the
teacher's entropy) were found at most 9e-7 apart. The part that goes through the target must be nothing at all. 1e-4 of
a value by its definition, 1e-3 of a gradient, 1% of one that is handed back in half precision.

## What breaks it
A target that is made with a weight of the student's (its embedding, its head, a shared norm) without `detach`; a
teacher that shares modules with the student and is run with gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sad.verdict import Verdict

ID = "I13"

TOLERANCE = 1e-5
VALUE, GRADIENT, HALF = 1e-4, 1e-3, 1e-2
LEAST = 1e-2
"""Of a value that is smaller as much must be right as of one of this size; of a gradient too, per unit of its rows."""
SIZES = (1e-3, 10.0, -1e-6)

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """One term: its ``value`` as the training takes it, a scalar, and the two sides of it with their graphs.

    ``definition`` is the distance in its plainest form, for float64.
    """

    value: Tensor
    prediction: Tensor
    target: Tensor
    distance: Distance
    definition: Distance | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """Terms that teach a student. ``compare()`` runs the models and gives every term by name."""

    student: Sequence[nn.Parameter]
    compare: Callable[[], Mapping[str, Compared]]


def target_gets_no_gradient(transfer: Transfer) -> Verdict:
    """Judge every term, of one run."""
    numbers: dict[str, float] = {}
    every = transfer.compare()
    for name, of in every.items():
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
        for situation, says in _by_definition(of):
            return Verdict(False, f"{name}, {situation}: {says}", numbers)
    return Verdict(True, f"{', '.join(every)}: nothing through the target", numbers)


def _by_definition(of: Compared) -> Iterator[tuple[str, str]]:
    """In which situations a distance is not that of its definition, and how."""
    if of.definition is None:
        return
    for name, (prediction, target) in _situations(of).items():
        mine, exact = (prediction.to(dtype).requires_grad_() for dtype in (prediction.dtype, torch.float64))
        got, right = of.distance(mine, target), of.definition(exact, target.double())
        slope, wanted = (torch.autograd.grad(*each)[0].double() for each in ((got, mine), (right, exact)))
        value, norm = float(right.detach()), float(wanted.norm())
        if not abs(float(got.detach()) - value) <= VALUE * max(abs(value), LEAST):
            yield name, f"{float(got.detach()):.6g}, by its definition {value:.6g}"
        size = float(prediction.detach().float().norm())
        allowed = GRADIENT if prediction.dtype == torch.float32 else HALF
        if not float((slope - wanted).norm()) <= allowed * max(norm, LEAST / size):
            yield name, f"its gradient is {float((slope - wanted).norm()):.2g} off, in all {norm:.2g}"


def _situations(of: Compared) -> dict[str, tuple[Tensor, Tensor]]:
    """A prediction and a target, by what is particular about them."""
    mine, theirs = of.prediction.detach().float(), of.target.detach().float()
    some = theirs.clone()
    some[::3] = 0.0
    found = {"as it is": (mine, theirs), "a target with rows of zeros": (mine, some)}
    found |= {f"{size:g} times as large": (size * mine, size * theirs) for size in SIZES}
    found |= {
        "a target in half precision": (mine, theirs.bfloat16()),
        "in half precision": (mine.bfloat16(), theirs.bfloat16()),
    }
    if mine.shape == theirs.shape:
        found["both sides equal"] = theirs.clone(), theirs
    return found


def _gradient(value: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The gradient of a scalar, flat; zero where there is none."""
    if not value.requires_grad:
        return torch.zeros(1)
    found = torch.autograd.grad(value, list(parameters), retain_graph=True, allow_unused=True)
    parts = [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]
    return torch.cat([part.detach().double().reshape(-1) for part in parts])
