"""On logits in half precision the loss is that of the numbers that it was given, also near the teacher.

## Property
With logits in float16 and bfloat16, unrelated and near each other, value and gradient are those of the float64
reference on the very same rounded numbers, but for the rounding of the gradient that is returned. Where an
implementation computes in half precision itself, its errors of unrelated logits stay below a tenth; near the teacher
they are told, and allowed unless the contract is strict.

## Why it must hold
Near its teacher a student's gradient is a small difference of two probabilities. Each rounded to 8 bits, the
difference is noise: measured, 2.5% of it at a KL of 15 nats, 67% at 0.0015. The loss goes on falling, and the student
stops learning.

## Tolerance
The float noise of `sad/subjects/probe/compare.py`, with twice half a unit of the last place of the dtype: 2^-10 of the
size for float16, 2^-7 for bfloat16.

## What breaks it
`softmax(x).log()` in float16, -inf where a probability is below 6e-8; sums in half precision; a divergence that does
not go to float32 before its exponentials.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import torch

from sad.subjects.divergence import Contract, Divergence, Given, Kind
from sad.subjects.probe.compare import difference
from sad.subjects.probe.inputs import Shape, call, half, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import allowed, broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I09"
DTYPES = (torch.float16, torch.bfloat16)
SHAPES = (Shape(1, 2, 5), Shape(2, 4, 37), Shape(2, 6, 320))
FAR, NEAR = "unrelated logits", "a student near its teacher"
APART = 0.1
"""What a student's logits differ by from its teacher's when it is near."""
BAD = 0.1
"""More than this of value or gradient is wrong on unrelated logits is no matter of rounding."""


def half_precision(divergence: Divergence) -> Verdict:
    """Judge unrelated logits, then near ones, in both dtypes."""
    if not divergence.known:
        return not_applicable("no formula is known for it")
    coarse: tuple[str, Given | None] = ("", None)
    for name in (FAR, NEAR):
        for dtype in DTYPES:
            says, example = smallest(partial(_fault, divergence, dtype, name), SHAPES)
            if not says or example is None:
                continue
            where = f"{name}, {str(dtype).removeprefix('torch.')}"
            worst = max(_errors(divergence, _given(divergence.contract, shape, dtype, name)) for shape in SHAPES)
            if divergence.contract.strict or (not worst <= BAD and (name == FAR or not math.isfinite(worst))):
                return broken(f"{where}: {says}", example)
            coarse = (f"{where}: {says}", example)
    if coarse[0]:
        return allowed(f"{coarse[0]}: it computes in half precision; give it float32 logits", coarse[1])
    return holds("in float16 and bfloat16 as exact as its inputs")


def _fault(divergence: Divergence, dtype: torch.dtype, name: str, shape: Shape) -> tuple[str, Given | None]:
    given = _given(divergence.contract, shape, dtype, name)
    return difference(divergence.contract, given, measure(divergence, given), right(divergence, given)), given


def _given(contract: Contract, shape: Shape, dtype: torch.dtype, name: str) -> Given:
    plain = call(contract, shape, seed=4)
    if name == NEAR:
        plain = replace(plain, student_logits=plain.teacher_logits + APART * plain.student_logits / 2)
    return half(plain, dtype)


def _errors(divergence: Divergence, given: Given) -> float:
    """How much of the right size value and gradient are off, the larger; not finite where either is not."""
    got, best = measure(divergence, given), right(divergence, given)
    value = abs(got.value - best.value) / max(abs(best.value), 1e-3) if divergence.contract.kind != Kind.OTHER else 0.0
    off = float((got.gradient - best.gradient).norm() / best.gradient.norm())
    return math.nan if math.isnan(value) or math.isnan(off) else max(value, off)
