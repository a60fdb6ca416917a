"""A text's loss does not depend on how much padding it has, where, and which texts are beside it.

## Property
A sequence alone, with columns of padding to its right, to its left, on both sides, and in a batch beside other
sequences that are longer: the sum over its rows and the gradient of each stay the same. The sum is the loss times
what the contract says that it is divided by. A mean over all rows, padding too, breaks it.

## Why it must hold
How much padding a text gets is decided by its neighbour. A loss that depends on it weighs short texts by the length
of long ones, and changes when the batches are sorted.

## Tolerance
The float noise of value and gradient (`sad/subjects/probe/compare.py`).

## What breaks it
A denominator that counts padding (`.mean()`, `batchmean` of flattened rows, the maximal length); a mask that is not
used; positions counted from the left.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.subjects.divergence import IGNORED, Divergence, Given, Reduction, Takes
from sad.subjects.probe.compare import apart
from sad.subjects.probe.inputs import Shape, call, smallest
from sad.subjects.probe.measure import Measured, measure
from sad.subjects.probe.reference import divisor
from sad.subjects.probe.verdicts import broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I05"
SHAPES = (Shape(1, 2, 2), Shape(1, 3, 5), Shape(1, 5, 37))
SIDES = {"right": (0, 3), "left": (2, 0), "both sides": (1, 2)}
BESIDE = 2
"""How many other sequences are put beside it."""


def padding(divergence: Divergence) -> Verdict:
    """Judge padding on either side, and the company of other sequences."""
    if not divergence.takes(Takes.LABELS):
        return not_applicable("it takes no labels: nothing can be padding")
    for side in (*SIDES, "beside others"):
        says, example = smallest(partial(_fault, divergence, side), SHAPES)
        if says:
            where = "in a batch beside longer sequences" if side not in SIDES else f"columns of padding, {side}"
            return broken(f"{where}: {says}", example)
    return holds("the same sum and gradient with padding on any side, and beside other sequences")


def _fault(divergence: Divergence, side: str, shape: Shape) -> tuple[str, Given | None]:
    alone = call(divergence.contract, shape, every=True)
    left, right = SIDES.get(side, (0, 3))
    with_padding = _padded(alone, left, right)
    if side not in SIDES:
        with_padding = _beside(divergence, with_padding)
    sums = [_sum(divergence, given) for given in (alone, with_padding)]
    if side not in SIDES:
        # what the others add is known from themselves alone
        others = _sum(divergence, _rows(with_padding, slice(1, None)))
        sums[1] = replace(sums[1], value=sums[1].value - others.value)
    cut = replace(sums[1], gradient=sums[1].gradient[:1, left : left + shape.length])
    unit = replace(divergence.contract, reduction=Reduction.SUM)
    return apart(unit, alone, sums[0], cut), with_padding


def _sum(divergence: Divergence, given: Given) -> Measured:
    """The loss and its gradient, times what the contract divides by."""
    got, by = measure(divergence, given), divisor(divergence.contract, given)
    if divergence.contract.reduction == Reduction.ROWS:
        # it counts padding by contract: the text's share is what is asked for
        by = float(divisor(replace(divergence.contract, reduction=Reduction.MEAN), given))
    return replace(got, value=by * got.value, gradient=by * got.gradient)


def _padded(given: Given, left: int, right: int) -> Given:
    """Put rows without labels before and after, with logits that say something."""
    assert given.labels is not None, "there are labels where padding is judged"

    def wide(logits: Tensor, seed: int) -> Tensor:
        batch, length, vocab = logits.shape
        noise = torch.Generator().manual_seed(seed)
        out = 3 * torch.randn(batch, left + length + right, vocab, generator=noise)
        out[:, left : left + length] = logits
        return out

    labels = F.pad(given.labels, (left, right), value=IGNORED)
    student, teacher = wide(given.student_logits, 11), wide(given.teacher_logits, 12)
    return replace(given, student_logits=student, teacher_logits=teacher, labels=labels)


def _beside(divergence: Divergence, given: Given) -> Given:
    _, length, vocab = given.student_logits.shape
    others = call(divergence.contract, Shape(BESIDE, length, vocab), seed=5)
    assert given.labels is not None, "there are labels where padding is judged"
    assert others.labels is not None, "there are labels where padding is judged"
    return replace(
        given,
        student_logits=torch.cat([given.student_logits, others.student_logits]),
        teacher_logits=torch.cat([given.teacher_logits, others.teacher_logits]),
        labels=torch.cat([given.labels, others.labels]),
    )


def _rows(given: Given, which: slice) -> Given:
    labels = None if given.labels is None else given.labels[which]
    student, teacher = given.student_logits[which], given.teacher_logits[which]
    return replace(given, student_logits=student, teacher_logits=teacher, labels=labels)
