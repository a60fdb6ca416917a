"""A batch gives the same loss and gradient whole and in any parts, weighed as its contract says.

## Property
Sequences with very different numbers of labels, and one without any, whole and cut into single ones and of 1 and
3. Where the number of labels of the whole optimizer step can be given, or the loss is a sum, the parts simply add up.
A mean over its own rows is allowed, and so is one over sequences: then the parts add up when each is weighed by its
rows (by its sequences), and who accumulates gradients must do that.

## Why it must hold
How many micro-batches make a step is a question of memory. Where the mean of means is taken, a token beside few others
counts more than one beside many (transformers 34191).

## Tolerance
The float noise of value and gradient (`sad/subjects/probe/compare.py`).

## What breaks it
A count that is taken and not used; a denominator of all rows, or a constant one; a mean that is of other rows than the
sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from sad.subjects.divergence import IGNORED, Divergence, Given, Reduction, Takes, counted
from sad.subjects.probe.compare import apart
from sad.subjects.probe.inputs import Shape, call, smallest
from sad.subjects.probe.measure import Measured, measure
from sad.subjects.probe.reference import divisor
from sad.subjects.probe.verdicts import allowed, broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I06"
SHAPES = (Shape(2, 2, 2), Shape(2, 3, 5), Shape(4, 6, 37))
WEIGHED = {Reduction.MEAN: "rows", Reduction.COUNT: "rows", Reduction.BATCH: "sequences", Reduction.ROWS: "rows"}


def partition(divergence: Divergence) -> Verdict:
    """Judge the whole against its parts."""
    says, example = smallest(partial(_fault, divergence), SHAPES)
    if says:
        return broken(f"the parts do not add up to the whole: {says}", example)
    contract = divergence.contract
    if contract.reduction == Reduction.SUM or (contract.reduction == Reduction.COUNT and divergence.takes(Takes.COUNT)):
        return holds("any parts add up to the whole")
    if contract.reduction == Reduction.ROWS and not divergence.takes(Takes.LABELS):
        return not_applicable("every row counts")
    over = WEIGHED[contract.reduction]
    return allowed(f"it divides by its own {over}: who accumulates gradients must weigh each part by its {over}")


def _fault(divergence: Divergence, shape: Shape) -> tuple[str, Given | None]:
    whole = _uneven(call(divergence.contract, shape))
    if divergence.takes(Takes.COUNT):
        whole = replace(whole, count=int(counted(divergence.contract, whole).sum()))
    full, by = measure(divergence, whole), divisor(divergence.contract, whole)
    for sizes in ((1,) * shape.batch, (1, shape.batch - 1)):
        parts = _parts(whole, sizes)
        together = _added([measure(divergence, part) for part in parts], [_weight(divergence, p, by) for p in parts])
        if says := apart(divergence.contract, whole, full, together):
            return f"{says}, in parts of {' and '.join(map(str, sizes))} sequences", whole
    return "", whole


def _uneven(given: Given) -> Given:
    """Leave few labels in the first sequence, and none in the last of several."""
    if given.labels is None:
        return given
    labels = given.labels.clone()
    if labels.shape[0] > 2:
        labels[-1] = IGNORED
    return replace(given, labels=labels)


def _parts(given: Given, sizes: Sequence[int]) -> list[Given]:
    labels = [None] * len(sizes) if given.labels is None else torch.split(given.labels, list(sizes))
    split = zip(
        torch.split(given.student_logits, list(sizes)),
        torch.split(given.teacher_logits, list(sizes)),
        labels,
        strict=True,
    )
    return [replace(given, student_logits=s, teacher_logits=t, labels=one) for s, t, one in split]


def _weight(divergence: Divergence, part: Given, whole: float) -> float:
    rows = int(counted(divergence.contract, part).sum())
    own = divisor(divergence.contract, part)
    # over nothing the divisor is 1 by convention, and the part is to weigh nothing
    return 0.0 if not rows and divergence.contract.reduction == Reduction.MEAN else own / whole


def _added(parts: Sequence[Measured], weights: Sequence[float]) -> Measured:
    """The sum of the parts, each with its weight; one without weight is not looked at, NaN or not."""
    weighed = [
        replace(part, value=weight * part.value, gradient=weight * part.gradient)
        if weight
        else Measured(0.0, torch.zeros_like(part.gradient))
        for part, weight in zip(parts, weights, strict=True)
    ]
    raised = next((part.raised for part in parts if part.raised), "")
    gradient = torch.cat([part.gradient for part in weighed])
    return Measured(sum(part.value for part in weighed), gradient, True, None, raised)
