"""With the student frozen and knowing nothing, no term can be lowered by training the rest.

## Property
The student is frozen and gives one state for every text. Everything else that an optimizer would get is trained to
lower a term, one after the other. Then no term on states falls below what the best constant prediction reaches
against the target as it was at the start; what the terms compare the student with is the same to the last bit, and
takes no gradient; terms that have nothing of their own to train do not move at all.

## Why it must hold
A term that falls although the student cannot learn measures something else: its curve looks like success, and in a
real training the easy way is taken first.

## Tolerance
2% of the floor, which is found by descent; none on the targets and on the terms without projector.

## What breaks it
Targets that go through a trained layer: a compressor, a projector on the teacher's side, learned temperatures or
layer weights. A student-side projector does not break it: it maps a constant to a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sad.verdict import Verdict

ID = "I14"

Distance = Callable[[Tensor, Tensor], Tensor]
"""Prediction and target, both [n, width] -> the term's value, a scalar."""

STEPS = 100
FLOOR_STEPS = 300
SETTLED, PATIENCE = 1e-4, 15
"""A descent that has not gained so much of itself in so many steps is at the floor."""
RATE = 0.05
TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Frozen:
    """Terms around a frozen student that gives the same state everywhere.

    ``terms()`` evaluates every term (a scalar each, with gradient to ``trainable``: all that an optimizer would get
    but the student). ``targets()`` gives, for the terms that compare states, what the student is compared with now,
    and ``distances`` how.
    """

    terms: Callable[[], Mapping[str, Tensor]]
    trainable: Sequence[nn.Parameter]
    targets: Callable[[], Mapping[str, Tensor]]
    distances: Mapping[str, Distance]


def no_shortcut(frozen: Frozen) -> Verdict:
    """Train all but the student, on one term after the other, and judge what fell and what moved."""
    targets = {name: target.detach().clone() for name, target in frozen.targets().items()}
    floors = {name: _floor(frozen.distances[name], target) for name, target in targets.items()}
    faults = [f"the target of {name} takes a gradient" for name, t in frozen.targets().items() if t.requires_grad]
    before, after, start = _values(frozen), {}, [p.detach().clone() for p in frozen.trainable]
    for name, value in frozen.terms().items():
        if value.requires_grad:
            _train(frozen, name)
        after[name] = _values(frozen)[name]
        if name not in floors and after[name] != before[name]:
            faults.append(f"{name} moved from {before[name]:.3f} to {after[name]:.3f}")
        if name in floors and not after[name] >= (1 - TOLERANCE) * floors[name]:
            faults.insert(0, f"{name} fell from {before[name]:.3f} to {after[name]:.2g}")
        faults += [
            f"the target of {t} moved" for t, now in frozen.targets().items() if not torch.equal(now, targets[t])
        ]
        _restore(frozen.trainable, start)
    held = [f"{name} {before[name]:.2f} to {after[name]:.2f} (floor {floor:.2f})" for name, floor in floors.items()]
    says = ", ".join(faults or [*held, "targets and other terms bit-identical"])
    return Verdict(not faults, says, {f"{name}_after": value for name, value in after.items()})


def _values(frozen: Frozen) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in frozen.terms().items()}


def _train(frozen: Frozen, name: str) -> None:
    optimizer = torch.optim.Adam(frozen.trainable, lr=RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        frozen.terms()[name].backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@torch.no_grad()
def _restore(parameters: Sequence[nn.Parameter], start: Sequence[Tensor]) -> None:
    for parameter, value in zip(parameters, start, strict=True):
        parameter.copy_(value)


def _floor(distance: Distance, target: Tensor) -> float:
    """The least that one prediction for all positions can reach, by descent from the mean of the target."""
    guess = target.mean(dim=0, keepdim=True).clone().requires_grad_()
    optimizer = torch.optim.Adam([guess], lr=RATE)
    least = float("inf")
    since = 0
    for _ in range(FLOOR_STEPS):
        value = distance(guess.expand_as(target), target)
        since = 0 if value.item() < (1 - SETTLED) * least else since + 1
        least = min(least, value.item())
        if since == PATIENCE:
            break
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return least
