"""The loss is larger the farther the student is from its teacher, never exactly zero before it is there, never below.

## Property
From equal logits to unrelated ones the loss rises with every step; unrelated ones give clearly more than equal ones.
Wherever student and teacher differ each row that counts gets a gradient, and a small step against it lowers the loss.
A student surer than its teacher, a vaguer one, and one near it do not give a loss of exactly zero, and no divergence
gives one below zero. A cross-entropy against the teacher is compared with its own least value.

## Why it must hold
A term that is switched on and gives the same for any student trains nothing, and its curve looks converged. Exactly
zero is the trace of a clamp, and behind a clamp there is no gradient.

## Tolerance
"Clearly": 100 times the float noise of a value (`sad/subjects/probe/compare.py`); zero is exactly zero; below zero by
more than the noise.

## What breaks it
`clamp_min(0)` on a sum that is no divergence, as over a top-k without the rest; a margin or a floor; a loss of the
teacher with itself; a constant.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sad.subjects.divergence import Divergence, Given, counted
from sad.subjects.probe.compare import noise
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.reference import right
from sad.subjects.probe.verdicts import broken, holds, not_applicable
from sad.verdict import Verdict

ID = "I15"
STEPS = (0.0, 0.1, 0.3, 1.0)
"""How far the student is on the way from its teacher's logits to unrelated ones."""
CLEARLY = 100.0
SURE, VAGUE = 1.5, 0.7
STEP = 1e-2
"""Of the gradient, per its norm."""


def distinguishes(divergence: Divergence) -> Verdict:
    """Judge the way from equal to unrelated logits, then a surer and a vaguer student."""
    if not divergence.known:
        return not_applicable("no formula is known for it: what it compares is unknown")
    if not _compares(divergence):
        return not_applicable("by its formula it does not depend on the teacher")
    says, example = smallest(partial(_fault, divergence), SHAPES[1:])
    if says:
        return broken(says, example)
    way = [measure(divergence, given).value for given in _way(divergence, SHAPES[-1])]
    return holds(f"{way[0]:.3g} at equal logits, {way[-1]:.3g} at unrelated ones", {"equal": way[0], "apart": way[-1]})


def _fault(divergence: Divergence, shape: Shape) -> tuple[str, Given | None]:
    way = _way(divergence, shape)
    values = [measure(divergence, given) for given in way]
    raised = next((got.raised for got in values if got.raised), "")
    if raised:
        return f"it raises {raised}", way[0]
    excused = noise(divergence.contract, way[-1], right(divergence, way[-1])).value
    least = values[0].value
    if not values[-1].value - least > CLEARLY * excused:
        return f"{values[-1].value:.4g} for unrelated logits, {least:.4g} for equal ones", way[-1]
    for before, after, given in zip(values, values[1:], way[1:], strict=False):
        if not after.value >= before.value - excused:
            return f"it falls from {before.value:.4g} to {after.value:.4g} as the student goes away", given
    teacher = way[0].teacher_logits
    others = [replace(way[0], student_logits=size * teacher) for size in (SURE, VAGUE)]
    for given in (*others, *way[1:]):
        if says := _stuck(divergence, given, least, excused):
            return says, given
    return "", None


def _stuck(divergence: Divergence, given: Given, least: float, excused: float) -> str:
    """What is wrong with a student that differs from its teacher."""
    got = measure(divergence, given)
    floor = least if not divergence.contract.entropy else 0.0
    if got.value < floor - excused:
        return f"the loss is {got.value:.4g}, below what equal logits give"
    if divergence.contract.entropy and got.value == 0:
        return "the loss is exactly 0 for a student that differs from its teacher"
    rows = counted(divergence.contract, given)
    without = int((~got.gradient.any(dim=-1) & rows).sum())
    if without:
        return f"{without} of {int(rows.sum())} rows get no gradient, at a loss of {got.value:.4g}"
    norm = float(got.gradient.norm())
    step = STEP / norm * got.gradient
    moved = replace(given, student_logits=given.student_logits - step.to(given.student_logits.dtype))
    after = measure(divergence, moved).value
    return "" if after <= got.value + excused else f"a step against the gradient raises it to {after:.4g}"


def _compares(divergence: Divergence) -> bool:
    given = call(divergence.contract)
    one, other = (
        right(divergence, replace(given, teacher_logits=logits)).value
        for logits in (given.teacher_logits, given.student_logits)
    )
    return one != other


def _way(divergence: Divergence, shape: Shape) -> list[Given]:
    given = call(divergence.contract, shape, temperature=1.0, beta=0.5)
    mine, theirs = given.student_logits, given.teacher_logits
    return [replace(given, student_logits=theirs + step * (mine - theirs)) for step in STEPS]
