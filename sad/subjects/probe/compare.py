"""Compares what an implementation gave with what it should give, and says the difference in words.

The tolerance is float noise, measured on the right implementations of `right.py` in float32 over vocabularies of 2 to
5,000, temperatures 1 to 8, logits up to 500: values were off by up to 39 units of 2^-24 a row times the largest
softened logit, gradients by 3. So the value may be off by 128 of them, the gradient by 16; relative to their size by
1e-5. Half precision adds the rounding of what is returned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from sad.subjects.divergence import Contract, Divergence, Given, Kind, Reduction, Squared, Takes
from sad.subjects.probe.measure import Measured
from sad.subjects.probe.reference import Reference, divisor, reference

UNIT = 2.0**-24
"""Half the distance of float32 from 1 to the next number."""
VALUE, GRADIENT = 128 * UNIT, 16 * UNIT
RELATIVE = 1e-5
ROUNDED = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
"""Half the distance from 1 to the next number in half precision."""
CLOSE = 0.01
"""Values nearer than this are told with all their digits."""
LONG = 20_000
"""Numbers in a call that is too large to try contract after contract on it."""
SUBNORMAL = 2.0**-24
"""The smallest number above zero in float16: what is smaller disappears."""


class Noise(NamedTuple):
    """By how much value and gradient (its norm) may be off."""

    value: float
    gradient: float


def noise(contract: Contract, given: Given, right: Reference) -> Noise:
    """Return what float arithmetic excuses on this call."""
    rows, square = max(1, int(right.rows.sum())), given.temperature**2
    largest = max(float(_finite(logits).abs().amax()) for logits in (given.student_logits, given.teacher_logits))
    scale = max(1.0, largest / given.temperature) / divisor(contract, given)
    value = VALUE * scale * rows * (square if contract.squared == Squared.BOTH else 1.0)
    slope = GRADIENT * scale * math.sqrt(rows) / given.temperature
    slope *= 1.0 if contract.squared == Squared.NOWHERE else square
    size, norm = min(abs(right.value), 1e30), float(right.gradient.norm())
    relative = RELATIVE + 2 * ROUNDED.get(given.student_logits.dtype, 0.0)
    lost = SUBNORMAL * math.sqrt(given.student_logits.numel()) if given.student_logits.dtype == torch.float16 else 0.0
    return Noise(value + relative * size, slope + relative * norm + lost)


def difference(contract: Contract, given: Given, got: Measured, right: Reference) -> str:
    """Say how ``got`` differs from ``right``: value first, then gradient; empty where noise excuses it."""
    if got.raised:
        return f"it raises {got.raised}"
    excused = noise(contract, given, right)
    # a comparison with NaN is false, so that a NaN is a fault; infinity is only equal to itself
    if got.value != right.value and not abs(got.value - right.value) <= excused.value:
        return _values(got.value, right.value)
    off, norm = float((got.gradient - right.gradient).norm()), float(right.gradient.norm())
    if off <= excused.gradient:
        return ""
    if not got.gradient.isfinite().all():
        return f"the gradient is not finite, the value is {got.value:.4g}"
    if not got.gradient.any():
        return f"no gradient, right is one of norm {norm:.2g}"
    if norm <= excused.gradient:
        return f"a gradient of norm {float(got.gradient.norm()):.2g}, right is none"
    along = float((got.gradient * right.gradient).sum()) / norm**2
    parallel = float((got.gradient - along * right.gradient).norm()) <= 1e-3 * abs(along) * norm
    return f"gradient {along:.4g} x right" if parallel else f"gradient off by {off / norm:.2g} of its norm"


def apart(contract: Contract, given: Given, one: Measured, other: Measured, right: Reference | None = None) -> str:
    """Say how two results for calls that must give the same differ; ``right`` tells the noise, where it is known."""
    if one.raised or other.raised:
        return "" if one.raised == other.raised else f"it raises {other.raised or one.raised}"
    like = right or Reference(one.value, one.gradient, torch.ones(one.gradient.shape[:2], dtype=torch.bool))
    return difference(contract, given, other, Reference(one.value, one.gradient, like.rows)).replace("right", "else")


def recognised(divergence: Divergence, given: Given, got: Measured) -> str:
    """Name the contract that ``got`` keeps where it breaks its own: what was probably written. Empty if none is found.

    A coincidence is excluded by the gradient: it must fit in every entry.
    """
    contract = divergence.contract
    long = given.student_logits.numel() > LONG
    if divergence.documented is not None or contract.kind == Kind.OTHER or not got.finite or long:
        return ""
    for words, other, call in _likely(contract, given):
        if other != contract or call is not given:
            right = reference(other, call)
            if float(right.gradient.norm()) > 0 and not difference(other, call, got, right):
                return words
    return ""


def _values(got: float, right: float) -> str:
    """Say two values, and the one as a multiple of the other where that is a number."""
    if right == 0 or not math.isfinite(right) or not math.isfinite(got):
        return f"value {got:.4g}, right {right:.4g}"
    if abs(got / right - 1) < CLOSE:
        return f"value {got:.8g}, right {right:.8g} (x {got / right:.8g})"
    return f"value {got:.4g}, right {right:.4g} (x {got / right:.3g})"


def _likely(contract: Contract, given: Given) -> Iterator[tuple[str, Contract, Given]]:
    """Contracts that are taken for one another, near ones first."""
    for reduction in Reduction:
        yield f"it is the {reduction.value}", replace(contract, reduction=reduction), given
    for squared in Squared:
        yield f"the temperature's square is {squared.value}", replace(contract, squared=squared), given
    if Takes.BETA in contract.takes:
        swapped = replace(given, beta=1 - given.beta)
        yield "beta is on the other side", contract, swapped
    for kind in (Kind.FORWARD_KL, Kind.REVERSE_KL, Kind.JSD):
        for reduction in (contract.reduction, *Reduction):
            for squared in (contract.squared, *Squared):
                other = replace(contract, kind=kind, reduction=reduction, squared=squared)
                yield f"it is {kind.value}, {reduction.value}", other, given
    yield "it leaves out the teacher's entropy", replace(contract, entropy=not contract.entropy), given
    yield "rows are judged by another label", replace(contract, shift=not contract.shift), given
    yield "labels have no effect", contract, replace(given, labels=None, count=None)
    yield "the temperature has no effect", contract, replace(given, temperature=1.0)
    yield "the temperature is applied twice", contract, replace(given, temperature=given.temperature**2)


def _finite(logits: Tensor) -> Tensor:
    return torch.where(logits.isfinite(), logits.double(), 0.0)
