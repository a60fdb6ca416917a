"""Every way through the code gives the same loss and the same gradient.

## Property
The same call gives the same twice; with labels that are all tokens and with no labels; with tensors that are not
contiguous; with the sequences, and with the tokens of the vocabulary, in another order. Multiplied by 3, the loss
sends back three times the gradient; rows weighed unequally by their labels get theirs alone. With 1 row and with
4,100, with a stretch of 300 rows without labels at the beginning, with 2 tokens and with 70,001, value and gradient
are those of the formula, where one is known. To refuse a call without labels, or tensors that are not contiguous, is
allowed, and so is a loss that overwrites the logits that it is given: it is told.

## Why it must hold
The fast path is the one that trains, and the plain one is the one that was tested. A kernel works in blocks, so that
its faults begin where a block ends: a test on 8 rows of 50 tokens never gets there.

## Tolerance
The float noise of value and gradient (`sad/subjects/probe/compare.py`); also for the same call twice, as threads may
add in another order.

## What breaks it
A chunk that uses the labels of the first one; a block whose part is not added; a backward that takes one row's factor
for all, or none; a mean that has another denominator without labels; a fused loss with defaults of its own; state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sad.subjects.divergence import IGNORED, Divergence, Given, Kind, Takes
from sad.subjects.probe.compare import apart, difference, recognised
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import Measured, measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import allowed, broken, holds
from sad.verdict import Cause, Verdict

ID = "I07"
LONG = (
    Shape(1, 2, 70_001),
    Shape(1, 2, 1_025),
    Shape(1, 4_100, 3),
    Shape(1, 1_025, 5),
    Shape(2, 130, 33),
    Shape(3, 1, 5),
)
"""Longer than a block or a chunk of any size that is in use, and as short as can be."""
MANY = 10_000
"""Tokens from which on a vocabulary is a large one."""
LEADING = 300
"""Rows without labels at the beginning."""
TIMES = 3.0
STRIDED, UNLABELLED = "tensors that are not contiguous", "without labels, and with a label at every row"
REFUSABLE = {STRIDED: STRIDED, UNLABELLED: "a call without labels"}
"""What an implementation may refuse."""


def path_parity(divergence: Divergence) -> Verdict:
    """Judge pairs of calls that must give the same, then sizes beyond a block."""
    changed = measure(divergence, call(divergence.contract)).changed
    refused = f"it overwrites {changed}: nothing else may use them" if changed else ""
    for name, (_, one, other) in _pairs(divergence, SHAPES[-1]).items():
        if name in REFUSABLE and other.raised and not one.raised:
            # to refuse is no other result
            refused = refused or f"it refuses {REFUSABLE[name]}: {other.raised}"
            continue
        says, example = smallest(partial(_pair_fault, divergence, name), SHAPES)
        if says:
            return broken(f"{name}: {says}", example)
    judged = 0
    if divergence.known:
        for name, given in _sizes(divergence):
            got = measure(divergence, given)
            best = right(divergence, given)
            if says := difference(divergence.contract, given, got, best):
                known = recognised(divergence, given, got)
                many = given.student_logits.shape[-1] >= MANY and best.value != 0
                numbers, cause = ({"ratio": got.value / best.value}, Cause.LARGE_VOCABULARY) if many else ({}, None)
                return broken(f"{name}: {says}" + (f"; {known}" if known else ""), given, numbers, cause)
            judged += 1
    sizes = f", and in {judged} sizes" if judged else ""
    if refused:
        return allowed(f"the same twice, in any order, times 3{sizes}; {refused}")
    return holds(f"the same twice, in any order and layout, times 3{sizes}")


def _pair_fault(divergence: Divergence, name: str, shape: Shape) -> tuple[str, Given | None]:
    pairs = _pairs(divergence, shape)
    if name not in pairs:
        return "", None
    given, one, other = pairs[name]
    return apart(divergence.contract, given, one, other), given


def _pairs(divergence: Divergence, shape: Shape) -> dict[str, tuple[Given, Measured, Measured]]:
    """A call, what it gave, and what it gave another way, brought to the same order."""
    given = call(divergence.contract, shape)
    plain = measure(divergence, given)
    found = {
        "the same call again": (given, plain, measure(divergence, given)),
        f"the loss times {TIMES:g}": (given, plain, _scaled(measure(divergence, given, TIMES))),
        STRIDED: (given, plain, measure(divergence, _strided(given))),
        "the tokens in another order": (given, plain, _tokens_turned(divergence, given)),
    }
    if shape.batch > 1:
        found["the sequences in another order"] = (given, plain, _sequences_turned(divergence, given))
    # where no divergence is known the labels may be what it learns
    if divergence.takes(Takes.LABELS) and divergence.contract.kind != Kind.OTHER:
        every = call(divergence.contract, shape, every=True)
        found[UNLABELLED] = (
            every,
            measure(divergence, every),
            measure(divergence, replace(every, labels=None)),
        )
    return found


def _scaled(got: Measured) -> Measured:
    return replace(got, gradient=got.gradient / TIMES)


def _strided(given: Given) -> Given:
    """The same numbers in another layout: every second entry of a buffer, laid out by length first."""

    def other(x: Tensor) -> Tensor:
        wide = torch.stack([x, torch.full_like(x, 7)], dim=-1).transpose(0, 1).contiguous()
        return wide.transpose(0, 1)[..., 0]

    labels = None if given.labels is None else other(given.labels)
    return replace(
        given, student_logits=other(given.student_logits), teacher_logits=other(given.teacher_logits), labels=labels
    )


def _sequences_turned(divergence: Divergence, given: Given) -> Measured:
    labels = None if given.labels is None else given.labels.flip(0)
    student, teacher = given.student_logits.flip(0), given.teacher_logits.flip(0)
    got = measure(divergence, replace(given, student_logits=student, teacher_logits=teacher, labels=labels))
    return replace(got, gradient=got.gradient.flip(0))


def _tokens_turned(divergence: Divergence, given: Given) -> Measured:
    vocab = given.student_logits.shape[-1]
    labels = given.labels
    if labels is not None:
        labels = torch.where(labels == IGNORED, IGNORED, vocab - 1 - labels)
    student, teacher = given.student_logits.flip(-1), given.teacher_logits.flip(-1)
    got = measure(divergence, replace(given, student_logits=student, teacher_logits=teacher, labels=labels))
    return replace(got, gradient=got.gradient.flip(-1))


def _sizes(divergence: Divergence) -> Iterator[tuple[str, Given]]:
    for shape in LONG:
        if divergence.contract.shift and shape.length == 1:
            continue
        yield f"{shape.batch * shape.length:,} rows over {shape.vocab:,} tokens", call(divergence.contract, shape)
    if divergence.takes(Takes.LABELS):
        given = call(divergence.contract, Shape(1, 2 * LEADING, 5), every=True)
        assert given.labels is not None, "it takes labels"
        labels = given.labels.index_fill(1, torch.arange(LEADING), IGNORED)
        yield f"{LEADING} rows without labels at the beginning", replace(given, labels=labels)
        uneven = call(divergence.contract, Shape(1, 2 * LEADING, 5), every=True, seed=3)
        assert uneven.labels is not None, "it takes labels"
        every_third = torch.where(torch.arange(2 * LEADING) % 3 == 0, uneven.labels, IGNORED)
        yield "a label at every third row", replace(uneven, labels=every_third)
