"""The gradient that is sent back is the derivative of the value, whatever the formula.

## Property
At temperature 1, along directions on which the loss is smooth (random ones, and the one in which a single row moves),
a difference of two values equals the gradient times the step. No formula needs to be known. Where one is known and
has another gradient (a weight that is held constant, an estimate), that is the right one. Where none is known such a
difference is allowed, unless it is one of all or nothing: a gradient where the value does not move, or none where it
does.

## Why it must hold
A backward written by hand, a weight that is detached or one that is not, a clamp between value and gradient: each
leaves the value right. What trains is then not what is logged, and lowering the one may raise the other.

## Tolerance
0.5% of the gradient's norm, as far as a random direction sees it, and four units of 2^-24 of the values divided by the
step of 0.02. Measured on the right implementations: two units cover all of them, and none needs the half percent.

## What breaks it
A backward that uses one row's factor for all, or ignores the factor that it is sent; the gradient of an importance
weight where the term that it weighs is clamped; `nan_to_num` and rounding in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from sad.subjects.divergence import Divergence, Given
from sad.subjects.probe.compare import difference
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import allowed, broken, holds
from sad.verdict import Verdict

ID = "I08"
STEP = 0.02
TOLERANCE = 0.005
NOTHING = "none"
UNITS = 4
"""Of 2^-24, by which each of two values may be off."""
SIZES = (2.0, 8.0)
"""Of the logits: ordinary ones, and those at which clamps are in force."""


def derivative(divergence: Divergence) -> Verdict:
    """Judge the gradient along random directions and row by row."""
    judged, constant = 0, ""
    for size in SIZES:
        for name in dict(_directions(SHAPES[-1])):
            says, example = smallest(partial(_fault, divergence, size, name))
            if says and (divergence.known or NOTHING in says):
                return broken(says, example)
            constant = constant or says
            judged += 1
    if constant:
        return allowed(f"{constant}: a factor of it is held constant")
    return holds(f"the gradient is the slope of the value along {judged} directions")


def _fault(divergence: Divergence, size: float, name: str, shape: Shape) -> tuple[str, Given | None]:
    given = call(divergence.contract, shape, size=size, temperature=1.0, seed=6)
    direction = dict(_directions(shape)).get(name)
    if direction is None:
        return "", None
    got = measure(divergence, given)
    if got.raised:
        return f"it raises {got.raised}", given
    slope = _slope(divergence, given, direction)
    told = float((got.gradient * direction).sum())
    unit = max(float(got.gradient.norm()), abs(slope)) / direction.numel() ** 0.5 * float(direction.norm())
    excused = TOLERANCE * unit + _rounding(got.value, size)
    if abs(told - slope) <= excused:
        return "", given
    if divergence.known and not difference(divergence.contract, given, got, right(divergence, given)):
        # its formula says so: a weight without a gradient, an estimate whose expectation has another
        return "", given
    nothing = min(abs(told), abs(slope)) <= excused
    values = [NOTHING if nothing and abs(x) <= excused else f"{x:.4g}" for x in (slope, told)]
    return f"along {name} the value has slope {values[0]}, the gradient says {values[1]}", given


def _slope(divergence: Divergence, given: Given, direction: Tensor) -> float:
    """By two central differences, the error of their square taken out."""
    wide, narrow = (_central(divergence, given, direction, step) for step in (2 * STEP, STEP))
    return (4 * narrow - wide) / 3


def _central(divergence: Divergence, given: Given, direction: Tensor, step: float) -> float:
    high, low = (
        measure(
            divergence, replace(given, student_logits=(given.student_logits.double() + s * direction).float())
        ).value
        for s in (step, -step)
    )
    return (high - low) / (2 * step)


def _rounding(value: float, size: float) -> float:
    """What float32 leaves of a difference of two such values."""
    return UNITS * 2.0**-24 * max(abs(value), 4 * size) / STEP


def _directions(shape: Shape) -> Iterator[tuple[str, Float[Tensor, "batch length vocab"]]]:
    noise = torch.Generator().manual_seed(8)
    for k in (1, 2):
        yield f"random direction {k}", torch.randn(*shape, generator=noise, dtype=torch.float64)
    for b, i in ((0, 0), (shape.batch - 1, shape.length - 1), (shape.batch - 1, shape.length // 2)):
        one = torch.zeros(*shape, dtype=torch.float64)
        one[b, i] = torch.randn(shape.vocab, generator=noise, dtype=torch.float64)
        yield f"row {i + 1} of sequence {b + 1}", one
