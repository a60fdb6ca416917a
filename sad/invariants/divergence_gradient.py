"""A distillation loss is the KL in nats at its temperature; its gradient is that of the KL times temperature squared.

## Property
Against a float64 reference, at temperatures 1 to 8: the reported value is KL(teacher || student) of the softened
distributions, the gradient its gradient times T². So it is for logits far apart, sixty times as large, close to each
other (where errors of precision show), in half precision, and where either rules tokens out: infinite where the
student alone does. Zero, with no gradient, where both are equal. The teacher gets no gradient. Over no place at all
it sums to zero.

## Why it must hold
The gradient of a softened KL shrinks as 1/T² (Hinton et al. 2015, arXiv 1503.02531, section 2), so the factor keeps
the balance with other terms. In the reported value it is a unit that nobody can compare: T = 3 reads as nine times.

## Tolerance
1e-3 of the value and of the gradient's norm, over every place at once.

## What breaks it
The factor on the value; no factor; the other direction; `batchmean` of three axes; probabilities where
log-probabilities are due; clamped logits; 0 x infinity; products of half precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sad.batch import Sum
from sad.case import Verdict

ID = "I08"

Divergence = Callable[[Tensor, Tensor, float], Sum]
"""Student's and teacher's logits, both [boundary, vocab] on one vocabulary, and the temperature -> the summed loss."""

VOCABULARY = 320
PLACES = 6
TEMPERATURES = (1.0, 2.0, 3.0, 8.0)
TOLERANCE = 1e-3
ZERO = 1e-5
"""In nats, and of a gradient's norm: what float32 leaves of nothing."""
COARSE = 0.01
"""A size off by more than this is said as a factor."""
LARGE = 1e6
ORDINARY = "ordinary logits"


@dataclass(frozen=True, slots=True)
class Measured:
    """The summed loss in nats, the student's gradient in float64, the units, whether the teacher got a gradient."""

    value: float
    gradient: Tensor
    units: int = PLACES
    teacher: bool = False


def divergence_gradient(divergence: Divergence) -> Verdict:
    """Judge value and gradient in every situation at every temperature; say how their size depends on temperature."""
    faults, values, norms = [], [], []
    for name, student, teacher in _situations():
        for temperature in TEMPERATURES:
            got = _measure(divergence, student, teacher, temperature)
            right = _reference(student.double(), teacher.double(), temperature)
            faults += [f"{name} at T = {temperature:g}: {fault}" for fault in _faults(got, right)]
            if name == ORDINARY:
                values.append(got.value / right.value)
                norms.append(float(got.gradient.norm() / right.gradient.norm()))
    sizes = f"value {_span(values)} x KL, gradient {_span(norms)} x right, for T from 1 to {TEMPERATURES[-1]:g}"
    numbers = {"value": values[-1], "gradient": norms[-1], "faults": len(faults)}
    # a size that depends on the temperature tells more than the first difference
    telling = not faults or any(not abs(size - 1) <= COARSE for size in (*values, *norms))
    return Verdict(not faults, sizes if telling else faults[0], numbers)


def _situations() -> Iterator[tuple[str, Tensor, Tensor]]:
    """A name, student's and teacher's logits, both [place, vocab]."""
    noise = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, PLACES, VOCABULARY, generator=noise)
    ruled_out = teacher.clone()
    ruled_out[:, 40:] = -torch.inf
    both = student.clone()
    both[:, 40:] = -torch.inf
    yield ORDINARY, student, teacher
    yield "logits sixty times as large", 60 * student, 60 * teacher
    yield "a student near its teacher", teacher + 0.03 * student, teacher
    yield "equal logits", teacher.clone(), teacher
    yield "tokens that the teacher rules out", student, ruled_out
    yield "tokens that both rule out", both, ruled_out
    yield "tokens that the student alone rules out", both, teacher
    yield "logits in half precision", student.half(), teacher.half()
    yield "no place", student[:0], teacher[:0]


def _measure(divergence: Divergence, student: Tensor, teacher: Tensor, temperature: float) -> Measured:
    mine, theirs = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    total, units = divergence(mine, theirs, temperature)
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]
    gradient = torch.zeros_like(mine) if mine.grad is None else mine.grad
    return Measured(float(total.detach()), gradient.double(), units, theirs.grad is not None)


def _reference(student: Tensor, teacher: Tensor, temperature: float) -> Measured:
    """KL in float64, and T² times its gradient in closed form: T (q - p)."""
    log_p, log_q = (torch.log_softmax(logits / temperature, dim=-1) for logits in (teacher, student))
    p, q = log_p.exp(), log_q.exp()
    value = (p * (log_p - log_q))[p > 0].sum()
    return Measured(float(value), temperature * (q - p), student.shape[0])


def _faults(got: Measured, right: Measured) -> Iterator[str]:
    # a comparison with NaN is false, so a NaN is a fault; infinity is only equal to itself
    if got.value != right.value and not abs(got.value - right.value) <= TOLERANCE * min(right.value, LARGE) + ZERO:
        yield f"value {got.value:.4g}, right {right.value:.4g}"
    off, norm = float((got.gradient - right.gradient).norm()), float(right.gradient.norm())
    if not off <= TOLERANCE * norm + ZERO:
        yield f"gradient off by {off:.2g}, right is {norm:.2g}"
    if got.units != right.units:
        yield f"{got.units} units, right {right.units}"
    if got.teacher:
        yield "the teacher gets a gradient"


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} to {high}"
