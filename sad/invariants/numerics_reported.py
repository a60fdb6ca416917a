"""What is not finite is reported as it is, counted, and changes no weight; a text without labels changes nothing.

## Property
In the first of two steps, one term's value is NaN, or infinite with a gradient that is finite, or finite with a
gradient that is not. Then the record shows that value, or that gradient norm; one step is counted as left out; the
weights are bit-identical after it, and move again, finite, at the second step. So it is where a single number that the
terms read is NaN, or rules out a label: every term that reads it says so. Micro-batches without any label leave
the values of the others as they are; alone they give no value at all. A training whose steps are all left out ends with
an error after twenty of them, or with the last; so does one most of whose steps are, after forty or at its end; one
that recovers goes on.

## Why it must hold
The first NaN is the only one that points at its cause. Turned into zero it disappears from the loss, lives on in the
gradient or in the optimizer's state, and nobody counts how much of the training was thrown away. Weights that cannot
move are no success, however long they are trained.

## Tolerance
None on the weights and the count; 1e-6 on the values beside empty micro-batches.

## What breaks it
`nan_to_num`, of the whole or of what is summed; non-finite terms set to zero with a warning printed once; a mean over
no labels; looking at the loss alone: it is finite where only the gradient overflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from sad.batch import KD, LM
from sad.verdict import Verdict

ID = "I09"

Fault = Callable[[Tensor], Tensor]
"""Takes the value of a term, a scalar with gradient, or some rows of numbers, and returns it spoilt."""

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Took:
    """Two steps: what the first one put on record (the term's value, the gradient's norm), the steps that were left out
    in the end, the student's weights at the start and after each step; ``values`` of all terms of the first step.
    """

    value: float
    norm: float
    left_out: int
    weights: Sequence[Tensor]
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What one step put on record: the values of the terms that had something to say, and the gradient's norm."""

    values: Mapping[str, float]
    norm: float


class Trainer(Protocol):
    """Trains."""

    def steps(self, fault: Fault) -> Took:
        """Take two steps, with a fault in one term of the first."""

    def spoilt(self, site: str, fault: Fault) -> Took:
        """Take two steps of every term, with a fault in what they read of the student in the first.

        That is, [place, feature], the last of the ``states`` that are compared, or the ``logits``: of one text, or of
        the first texts.
        """

    def step(self, *, labelled: int, empty: int) -> Told:
        """Take a step on ``labelled`` micro-batches with labels, all the same, and ``empty`` ones without any."""

    def given_up(self, bad: Sequence[bool]) -> int | None:
        """Train for as many steps as ``bad`` has, a term of those that are marked being NaN; return after how many it
        ended with an error, None where it did not.
        """


def numerics_reported(trainer: Trainer) -> Verdict:
    """Judge a trainer on three faults in a term and two in what terms read, on none, and on texts without labels."""
    faults = [*_steps(trainer), *_spoilt(trainer), *_empty(trainer), *_in_vain(trainer)]
    bad = len(FAULTS) + len(INPUTS)
    says = faults[0] if faults else f"{bad} of {bad} bad steps reported, counted and left out; no label, no term"
    return Verdict(not faults, says, {"faults": len(faults)})


def _steps(trainer: Trainer) -> Iterator[str]:
    healthy = trainer.steps(lambda value: value)
    if not (math.isfinite(healthy.value) and _moved(healthy, 1) and healthy.left_out == 0):
        yield "a healthy step is left out"
    for name, fault, in_value in FAULTS:
        took = trainer.steps(fault)
        reported = took.value if in_value else took.norm
        if math.isfinite(reported):
            yield f"{name} is reported as {reported:.4f}" + (" and moves the weights" if _moved(took, 1) else "")
        elif _moved(took, 1):
            yield f"{name} moves the weights"
        yield from _after(name, took)


def _spoilt(trainer: Trainer) -> Iterator[str]:
    for name, site, fault, reads in INPUTS:
        took = trainer.spoilt(site, fault)
        if not took.values:
            yield f"{name}: no value is reported"
        for term, value in took.values.items():
            if math.isfinite(value) and (reads is None or term in reads):
                yield f"{name}: {term} is reported as {value:.4f}"
        if _moved(took, 1):
            yield f"{name} moves the weights"
        yield from _after(name, took)


def _after(name: str, took: Took) -> Iterator[str]:
    if not took.weights[-1].isfinite().all():
        yield f"{name} leaves weights that are not finite"
    elif not _moved(took, 2):
        yield f"after {name} nothing moves"
    if took.left_out != 1:
        yield f"{name}: {took.left_out} steps counted as left out, not 1"


def _empty(trainer: Trainer) -> Iterator[str]:
    alone, mixed = trainer.step(labelled=1, empty=0), trainer.step(labelled=1, empty=2)
    for name, value in [*alone.values.items(), ("the gradient", alone.norm)]:
        other = {**mixed.values, "the gradient": mixed.norm}.get(name, math.nan)
        if not abs(other - value) <= TOLERANCE * abs(value):
            yield f"{name} is {value:.4f}, with unlabelled micro-batches beside it {other:.4f}"
    nothing = trainer.step(labelled=0, empty=1)
    yield from (f"{name} is said to be {value:.4f} where there is no label" for name, value in nothing.values.items())
    if not nothing.norm <= TOLERANCE:
        yield f"the gradient is {nothing.norm:.4f} where there is no label"


def _in_vain(trainer: Trainer) -> Iterator[str]:
    for name, bad, right in COURSES:
        if (ended := trainer.given_up(bad)) != right:
            told = ("goes on" if after is None else f"ends with an error after {after}" for after in (ended, right))
            yield f"{name}: it {', it should be that it '.join(told)}"


def _moved(took: Took, step: int) -> bool:
    return not torch.equal(took.weights[step - 1], took.weights[step])


def _spoilt_gradient(value: Tensor) -> Tensor:
    spoilt = value * 1.0
    spoilt.register_hook(lambda gradient: gradient * math.nan)  # type: ignore[no-untyped-call]
    return spoilt


def _nan(rows: Tensor) -> Tensor:
    """One number of each row is NaN."""
    spoilt = rows.clone()
    spoilt[:, 0] = math.nan
    return spoilt


def _ruled_out(rows: Tensor) -> Tensor:
    """In the first rows every token but the first is ruled out."""
    spoilt = rows.clone()
    spoilt[: len(rows) // 2 + 1, 1:] = -math.inf
    return spoilt


FAULTS: tuple[tuple[str, Fault, bool], ...] = (
    ("NaN in a term", lambda value: value * math.nan, True),
    ("infinity in a term", lambda value: value + math.inf, True),
    ("NaN in the gradient alone", _spoilt_gradient, False),
)
"""A name, the fault, and whether the value shows it (else the gradient's norm does)."""

STATES, LOGITS = "states", "logits"
INPUTS: tuple[tuple[str, str, Fault, tuple[str, ...] | None], ...] = (
    ("NaN in a state", STATES, _nan, None),
    ("labels that are ruled out", LOGITS, _ruled_out, (KD, LM)),
)
"""A name, what is spoilt, the fault, and the terms that must say so; None: all that there are."""
IN_VAIN, ENOUGH = 20, 40
"""Steps in a row that come to nothing, and steps of which most may not: a training must end with an error there."""
COURSES: tuple[tuple[str, tuple[bool, ...], int | None], ...] = (
    ("every step left out", (True,) * (IN_VAIN + 2), IN_VAIN),
    ("every step of a short run left out", (True,) * 3, 3),
    ("one good step between bad ones", (True, False, True), 3),
    ("two of three steps left out, without an end", (True, True, False) * 14, ENOUGH),
    ("half of the steps left out", (True, False, False, True), None),
    ("two bad steps after two good ones", (False, False, True, True), None),
)
"""A name, which steps are bad, and after how many a training must end with an error."""
