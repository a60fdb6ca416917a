"""Every full accumulation window takes one optimizer step, and the step changes the weights.

## Property
For every accumulation a and n full windows, n x a micro-batches give n optimizer steps; after the first window the
weights differ from the start; a last window that is not full is a step too.

## Why it must hold
A step that is not taken trains nothing, and no loss curve shows it: batches differ, so the loss moves anyway.

## Tolerance
None: steps are counted.

## What breaks it
A predicate that advances its own counter and is called twice a batch; an even accumulation hides it from odd tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sad.case import Verdict

ID = "I01"

WINDOWS = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """What a trainer did: optimizer steps taken, steps expected, and whether the weights moved."""

    steps: int
    expected: int
    moved: bool


Trainer = Callable[[int], Taken]
"""Trains ``WINDOWS`` windows with the given accumulation."""


def step_accounting(trainer: Trainer) -> Verdict:
    """Judge a trainer at every accumulation from 1 to 9."""
    taken = {accumulation: trainer(accumulation) for accumulation in range(1, 10)}
    wrong = [a for a, t in taken.items() if t.steps != t.expected or not t.moved]
    steps, expected = sum(t.steps for t in taken.values()), sum(t.expected for t in taken.values())
    says = f"{steps} of {expected} steps"
    if wrong:
        says += f", wrong at accumulation {', '.join(map(str, wrong))}"
    return Verdict(not wrong, says, {"steps": steps, "expected": expected, "wrong": len(wrong)})
