"""Each argument does what it says: another temperature, beta, count or set of labels changes the loss as documented.

## Property
For each thing that the implementation takes: two values of it give two results, and the second stands to the first as
in the formula. The ids of the labels have no effect on a divergence, only which rows have one.

## Why it must hold
An argument that is taken and not used is believed to be in force: the sweep over it shows noise, and its best value is
written into the next recipe. A path with a default of its own trains something else.

## Tolerance
The float noise of value and gradient (`sad/subjects/probe/compare.py`).

## What breaks it
An argument that is shadowed, or read once and kept; a temperature of the constructor on top of the caller's; a hard
loss mixed in by a default; `num_items_in_batch` taken and ignored, which also turns off the Trainer's own division.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from sad.subjects.divergence import IGNORED, Divergence, Given, Kind, Takes, counted
from sad.subjects.probe.compare import apart, difference, recognised
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I20"
IDS = "the ids of the labels"


def arguments_have_effect(divergence: Divergence) -> Verdict:
    """Change one argument after the other."""
    if not divergence.contract.takes:
        return not_applicable("it takes nothing but the logits")
    names = list(dict(_changes(divergence, SHAPES[-1])))
    # an argument without effect spoils what the others are compared with: it is named first
    for fault in (_unused, _other):
        for name in names:
            says, example = smallest(partial(fault, divergence, name), SHAPES[2:])
            if says:
                return broken(says, example)
    return holds(f"in force: {', '.join(sorted(divergence.contract.takes))}")


def _unused(divergence: Divergence, name: str, shape: Shape) -> tuple[str, Given | None]:
    """Whether both values give the same, where they should not."""
    one, other = dict(_changes(divergence, shape))[name]
    before, after = measure(divergence, one), measure(divergence, other)
    if before.raised or after.raised:
        return f"it raises {before.raised or after.raised}", other
    if name == IDS or apart(divergence.contract, one, before, after):
        return "", other
    if not divergence.known:
        return f"{name} has no effect", other
    wanted = right(divergence, one).value, right(divergence, other).value
    return (f"{name} has no effect, right is {wanted[0]:.4g} and {wanted[1]:.4g}" * (wanted[0] != wanted[1])), other


def _other(divergence: Divergence, name: str, shape: Shape) -> tuple[str, Given | None]:
    """Whether either value gives something else than the formula does."""
    pair = dict(_changes(divergence, shape))[name]
    if name == IDS:
        before, after = (measure(divergence, given) for given in pair)
        says = apart(divergence.contract, pair[0], before, after)
        return (f"{name} have an effect: {says}" if says else ""), pair[1]
    for given in pair if divergence.known else ():
        got = measure(divergence, given)
        if says := difference(divergence.contract, given, got, right(divergence, given)):
            known = recognised(divergence, given, got) if shape == SHAPES[-1] else ""
            return f"{name}: {says}" + (f"; {known}" if known else ""), given
    return "", pair[1]


def _changes(divergence: Divergence, shape: Shape) -> Iterator[tuple[str, tuple[Given, Given]]]:
    """Two calls that differ in one argument, by its name."""
    given = call(divergence.contract, shape)
    if divergence.takes(Takes.TEMPERATURE):
        yield "the temperature", (replace(given, temperature=1.0), replace(given, temperature=4.0))
    if divergence.takes(Takes.BETA):
        yield "beta", (replace(given, beta=0.2), replace(given, beta=0.8))
    if divergence.takes(Takes.COUNT):
        rows = int(counted(divergence.contract, given).sum())
        yield "the count", (replace(given, count=rows), replace(given, count=3 * rows + 1))
    if divergence.takes(Takes.LABELS):
        every = call(divergence.contract, shape, every=True)
        yield "-100 as a label", (every, given)
        if divergence.contract.kind != Kind.OTHER:
            assert given.labels is not None, "it takes labels"
            other = torch.where(given.labels == IGNORED, IGNORED, (given.labels + 1) % shape.vocab)
            yield IDS, (given, replace(given, labels=other))
