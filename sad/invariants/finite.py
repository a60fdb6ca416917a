"""Value and gradient are finite where the formula is, and never is a finite value sent back as NaN.

## Property
Logits sixty times as large, and one of 3e4 (in float16 where it is strict); no label at all in a call (zero, and no
gradient: not a mean over nothing); one row of many with a token ruled out by -inf, by the teacher, the student, or
both; the same at a row without a label. In float32, float16 and bfloat16. Where the formula is finite so are value
and gradient. With -inf a loss that is not strict may become NaN, where everybody sees it; it may not stay finite with
a gradient that is not, nor finite with another value. Only at rows without a label a NaN in their own gradient is
left to the caller, if the loss shows any other NaN. Where the student alone rules a token out the KL is infinite. A
row of the teacher that is NaN makes the loss NaN; one that makes a number of it is told, and broken if it is strict.

## Why it must hold
The first NaN in a gradient destroys the weights, or the step is thrown away, and nobody counts. A batch without a
label comes by chance, after hours.

## Tolerance
Finite is finite; values beside -inf, and over no labels, by the float noise of `sad/subjects/probe/compare.py`.

## What breaks it
`softmax(x).log()`, which underflows; `p * (log p - log q)` where p is 0; exp without the maximum; `nan_to_num` in the
forward pass, which leaves the NaN of the backward; a mean over no labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Takes, counted
from sad.subjects.probe.compare import RELATIVE, difference
from sad.subjects.probe.inputs import SHAPES, Shape, call, half, smallest
from sad.subjects.probe.measure import Measured, measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.swallows import swallows
from sad.subjects.probe.verdicts import allowed, broken, holds
from sad.verdict import Cause, Verdict

ID = "I09"
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
LARGE, HUGE = 60.0, 3e4
ORDINARY = "ordinary logits"
HUGE_NAME = f"a logit of {HUGE:g}"
EMPTY, EMPTY_STEP = "no label at all", "no label at all, nor a count"
OUT = "ruled out by"
HIDDEN = "a row of NaN from the teacher leaves the loss finite"
NAN = "the loss is NaN"
WITHOUT = "at a row without a label"
WHO = ("the teacher", "both", "the student alone")


def finite(divergence: Divergence) -> Verdict:
    """Judge every situation in every dtype."""
    loud = None
    for dtype in DTYPES:
        for name in _situations(divergence.contract, SHAPES[-1]):
            says, example = smallest(partial(_fault, divergence, dtype, name), SHAPES[1:])
            if says and _left_open(divergence, name, says):
                loud = loud or (f"with {name} {says}", example)
            elif says:
                cause = _cause(divergence, dtype, name, example)
                return broken(f"{name}, {str(dtype).removeprefix('torch.')}: {says}", example, cause=cause)
    if not loud and swallows(divergence):
        loud = (HIDDEN, None)
    if loud == (HIDDEN, None) and divergence.contract.strict:
        return broken(f"{HIDDEN}: nobody sees it", None)
    if loud:
        return allowed(f"finite with large logits and in half precision, zero over no labels; {loud[0]}", loud[1])
    return holds("finite with large logits, -inf, half precision; zero over no labels")


def _cause(divergence: Divergence, dtype: torch.dtype, name: str, given: Given | None) -> Cause | None:
    if given is None or name in (EMPTY, EMPTY_STEP):
        return None
    if OUT not in name:
        return Cause.FLOAT16 if dtype == torch.float16 and name != ORDINARY else None
    got, best = measure(divergence, given), right(divergence, given) if divergence.known else None
    if best is None or not got.finite or not math.isfinite(got.value) or not math.isfinite(best.value):
        return None
    # a right value whose gradient has another direction is a fault of the gradient: nothing was left out
    along = torch.cosine_similarity(got.gradient.flatten(), best.gradient.flatten(), dim=0)
    other = abs(got.value - best.value) > RELATIVE * abs(best.value)
    return Cause.RULED_OUT if other or float(along) > 1 - RELATIVE else None


def _left_open(divergence: Divergence, name: str, says: str) -> bool:
    """Whether the fault is one of -inf that a contract may leave to its caller."""
    if OUT not in name or divergence.contract.strict:
        return False
    return says.startswith(NAN) or (WITHOUT in name and not swallows(divergence))


def _fault(divergence: Divergence, dtype: torch.dtype, name: str, shape: Shape) -> tuple[str, Given | None]:
    situations = _situations(divergence.contract, shape)
    if name not in situations or (HUGE_NAME in name and dtype == torch.float16 and not divergence.contract.strict):
        # a sum of a few such losses is more than float16 holds: only the strict go to float32
        return "", None
    given = half(situations[name], dtype)
    got = measure(divergence, given)
    if got.raised:
        return f"it raises {got.raised}", given
    if math.isfinite(got.value) and not got.finite:
        rows = int((~got.gradient.isfinite()).any(dim=-1).sum())
        return f"the loss is {got.value:.4g}, and the gradient of {rows} rows is not finite", given
    if name in (EMPTY, EMPTY_STEP):
        return _of_nothing(got), given
    return _against_formula(divergence, given, got, exact=OUT in name and dtype == torch.float32), given


def _of_nothing(got: Measured) -> str:
    if got.value != 0:
        return f"the loss is {_number(got.value)}, over nothing"
    return "a gradient, of nothing" if got.gradient.any() else ""


def _against_formula(divergence: Divergence, given: Given, got: Measured, *, exact: bool) -> str:
    best = right(divergence, given) if divergence.known else None
    if best and math.isnan(best.value):
        # its own formula has no value there
        return ""
    if math.isnan(got.value):
        return f"{NAN}, right is {_number(best.value)}" if best else NAN
    if best is None or math.isinf(best.value):
        clamped = best is not None and divergence.contract.strict and math.isfinite(got.value)
        return f"the loss is {got.value:.4g}, right is infinite" if clamped else ""
    if math.isinf(got.value):
        return f"the loss is infinite, right is {best.value:.4g}"
    return difference(divergence.contract, given, got, best) if exact else ""


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite" if math.isinf(value) else f"{value:.4g}"


def _situations(contract: Contract, shape: Shape) -> dict[str, Given]:
    plain = call(contract, shape, seed=2)
    student, teacher = plain.student_logits / 2, plain.teacher_logits / 2
    found = {
        ORDINARY: plain,
        f"logits {LARGE:g} times as large": replace(
            plain, student_logits=LARGE * student, teacher_logits=LARGE * teacher
        ),
        HUGE_NAME: replace(plain, student_logits=_set(student, HUGE, 0), teacher_logits=_set(teacher, HUGE, 1)),
    }
    if Takes.LABELS in contract.takes:
        assert plain.labels is not None, "it takes labels"
        empty = replace(plain, labels=torch.full_like(plain.labels, IGNORED))
        found[EMPTY_STEP if Takes.COUNT in contract.takes else EMPTY] = empty
        if Takes.COUNT in contract.takes:
            found[EMPTY] = replace(empty, count=7)
    return found | dict(_ruled_out(contract, plain))


def _set(logits: Tensor, to: float, token: int) -> Tensor:
    return logits.index_fill(-1, torch.tensor([token]), to)


def _ruled_out(contract: Contract, plain: Given) -> Iterator[tuple[str, Given]]:
    """One row with a token that cannot come, one that counts and one that does not."""
    counts = counted(contract, plain)
    for place, rows in (("", counts), (f" {WITHOUT}", ~counts)):
        if not rows.any():
            continue
        at = rows.nonzero()[0].tolist()
        for who in WHO:
            student, teacher = plain.student_logits.clone(), plain.teacher_logits.clone()
            if who != WHO[0]:
                student[at[0], at[1], 0] = -torch.inf
            if who != WHO[2]:
                teacher[at[0], at[1], 0] = -torch.inf
            yield f"a token {OUT} {who}{place}", replace(plain, student_logits=student, teacher_logits=teacher)
