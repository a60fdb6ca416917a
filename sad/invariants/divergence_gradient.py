"""A divergence and its gradient are those of its formula, far from the teacher, near it and at it.

## Property
Against a float64 reference in the plainest form, in float32: value and gradient are those of the contract (which
divergence, divided by what, where the temperature's square goes), at temperatures 1 to 8 and beta from 0 to 1. So it
is for unrelated logits, for logits sixty times as large, for a student 0.0004 nats from its teacher, for equal logits
(zero, and no gradient), and for a teacher undecided between two tokens.
A temperature whose square is left out, or also on the value, is allowed where that is what the contract says.

## Why it must hold
A value can be right by coincidence, and wrong by a constant that does no harm; the gradient is what trains. As the
student nears its teacher the gradient gets small and the errors of low precision do not. The gradient of a softened
divergence shrinks as 1/T² (Hinton et al. 2015, arXiv 1503.02531, section 2).

## Tolerance
Measured float noise (`sad/subjects/probe/compare.py`): 128 units of 2^-24 a row on the value, 16 on the gradient, times
the largest softened logit; 1e-5 of their size.

## What breaks it
The other direction; beta on the other side; `batchmean` of three axes; probabilities where log-probabilities are due;
T² on a value that claims none, or nowhere; clamped logits or terms; duplicates in a top-k; low precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from sad.subjects.divergence import Contract, Divergence, Given, Squared, Takes
from sad.subjects.probe.compare import difference, recognised
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import allowed, broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I08"
TEMPERATURES = (1.0, 2.0, 3.0, 8.0)
LIMITS = (0.0, 1.0)
BETAS = (0.1, 0.5, 0.9, *LIMITS)
NEAR, FAR = 0.03, 60.0
"""What a student's logits differ by from its teacher's; how much larger than normal the largest are."""
WIDE = Shape(3, 7, 320)
ORDINARY = "unrelated logits"


def divergence_gradient(divergence: Divergence) -> Verdict:
    """Judge value and gradient in every situation; say how their size depends on the temperature."""
    if not divergence.known:
        return not_applicable("no formula is known for it")
    contract = divergence.contract
    for situation in _situations(contract, SHAPES[-1]):
        says, example = smallest(partial(_fault, divergence, situation), (*SHAPES, WIDE))
        if not says:
            says, example = _fault(divergence, situation, SHAPES[-1])
        if says and example is not None:
            # right at T = 1 and not at 2: how it depends on the temperature tells more than the first difference
            size = _sizes(divergence) if f"T = {TEMPERATURES[1]:g}" in situation else ""
            return broken(f"{size}; {situation}: {says}" if size else f"{situation}: {says}", example)
    says = "value and gradient are those of the formula"
    if Takes.TEMPERATURE in contract.takes:
        says += f", for T from {TEMPERATURES[0]:g} to {TEMPERATURES[-1]:g}"
        if contract.squared == Squared.NOWHERE:
            return allowed(f"{says}; the temperature's square is nowhere: at T = 8 the gradient has 1/64 of its size")
        if contract.squared == Squared.BOTH:
            return allowed(f"{says}; the temperature's square is on the value too: it is no number of nats")
    return holds(says)


def _fault(divergence: Divergence, situation: str, shape: Shape) -> tuple[str, Given | None]:
    """What is wrong in a situation, and the call that shows it."""
    given = _situations(divergence.contract, shape)[situation]
    got = measure(divergence, given)
    if got.raised and given.beta in LIMITS:
        # some take beta strictly between 0 and 1, and say so
        return "", given
    says = difference(divergence.contract, given, got, right(divergence, given))
    # a coincidence is least likely in the widest, and trying takes its time
    if says and shape == WIDE and (known := recognised(divergence, given, got)):
        says += f"; {known}"
    return says, given


def _situations(contract: Contract, shape: Shape) -> dict[str, Given]:
    """Calls by what is particular about them."""
    found = dict(_settings(contract, shape))
    plain = call(contract, shape, seed=1)
    student, teacher = plain.student_logits, plain.teacher_logits
    undecided = torch.full_like(teacher, -40.0)
    undecided[..., :2] = 0.0
    noise = student / 2
    return found | {
        f"logits {FAR:g} times as large": replace(plain, student_logits=FAR * noise, teacher_logits=FAR / 2 * teacher),
        "a student near its teacher": replace(plain, student_logits=teacher + NEAR * noise),
        "equal logits": replace(plain, student_logits=teacher.clone()),
        "a teacher undecided between two tokens": replace(plain, teacher_logits=undecided),
    }


def _settings(contract: Contract, shape: Shape) -> Iterator[tuple[str, Given]]:
    for temperature in TEMPERATURES if Takes.TEMPERATURE in contract.takes else (1.0,):
        for beta in BETAS if Takes.BETA in contract.takes and temperature <= 2.0 else (BETAS[1],):
            name = ORDINARY
            name += f" at T = {temperature:g}" if Takes.TEMPERATURE in contract.takes else ""
            name += f", beta = {beta:g}" if Takes.BETA in contract.takes else ""
            yield name, call(contract, shape, temperature=temperature, beta=beta)


def _sizes(divergence: Divergence) -> str:
    """How value and gradient depend on the temperature, in multiples of the right ones; empty if they do not."""
    if not divergence.takes(Takes.TEMPERATURE):
        return ""
    values, norms = [], []
    for temperature in TEMPERATURES:
        given = call(divergence.contract, temperature=temperature)
        got, best = measure(divergence, given), right(divergence, given)
        values.append(got.value / best.value)
        norms.append(float(got.gradient.norm() / best.gradient.norm()))
    told = f"value {_span(values)} x right, gradient {_span(norms)} x right, for T from 1 to {TEMPERATURES[-1]:g}"
    return told if any(" to " in _span(sizes) for sizes in (values, norms)) else ""


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} to {high}"
