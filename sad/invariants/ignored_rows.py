"""What the models say at rows without a label has no effect, and gets no gradient.

## Property
Other logits at rows whose label is -100, ordinary or a thousand times as large, of either model or of both, change
neither the value nor the gradient of any other row; at those rows the gradient is exactly zero. Logits of -inf
there, and a teacher's NaN, are left to the caller, unless the contract is strict, or the loss hides what is not finite:
then a finite loss with a gradient that is not is broken. They never give a finite loss of another value.

## Why it must hold
Such rows are the prompt, or padding: what a model says there is about nothing. Distilled, they outweigh the answer in
most data sets, and no log shows it.

## Tolerance
The float noise of value and gradient (`sad/subjects/probe/compare.py`). None on the gradient at the rows themselves.

## What breaks it
A mask or an `ignore_index` that is taken and not used; one that is used for the sum and not for the gradient; labels
of another chunk; an average over all rows of the batch; 0 x infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sad.subjects.divergence import Divergence, Given, Takes, counted
from sad.subjects.probe.compare import apart
from sad.subjects.probe.inputs import SHAPES, Shape, call, smallest
from sad.subjects.probe.measure import measure
from sad.subjects.probe.swallows import swallows
from sad.subjects.probe.verdicts import allowed, broken, holds, not_applicable
from sad.verdict import Standing, Verdict

ID = "I04"
ORDINARY: dict[str, Callable[[Tensor], Tensor]] = {
    "other logits": lambda logits: logits.flip(-1) + 1.0,
    "logits a thousand times as large": lambda logits: 1000.0 * logits,
}
EXTREME: dict[str, Callable[[Tensor], Tensor]] = {
    "logits of -inf": lambda logits: torch.full_like(logits, -torch.inf),
    "some logits of -inf": lambda logits: logits.index_fill(-1, torch.tensor([0]), -torch.inf),
    "logits of NaN": lambda logits: torch.full_like(logits, torch.nan),
}
WHOSE = ("the student", "the teacher", "both")
SERVED = ("logits of -inf", "logits of NaN")
"""What a teacher that is asked over a network fills such rows with. No student gives that."""


def ignored_rows(divergence: Divergence) -> Verdict:
    """Judge the gradient at ignored rows, then what other logits there do."""
    if not divergence.takes(Takes.LABELS):
        return not_applicable("it takes no labels: every row counts")
    says, example = smallest(partial(_reached, divergence), SHAPES[1:])
    if says:
        return broken(says, example)
    loud: Verdict | None = None
    for name, change in (ORDINARY | EXTREME).items():
        for whose in WHOSE if name not in SERVED else WHOSE[1:2]:
            verdict = _changed(divergence, name, change, whose)
            if verdict is not None and not verdict.holds:
                return verdict
            if verdict is not None and verdict.standing == Standing.ALLOWED:
                loud = loud or verdict
    if loud:
        return replace(loud, says=f"ordinary logits there have no effect; {loud.says}")
    return holds("other logits there change nothing, their gradient is exactly 0")


def _reached(divergence: Divergence, shape: Shape) -> tuple[str, Given | None]:
    """Whether a gradient reaches a row that does not count."""
    given = call(divergence.contract, shape)
    rows = ~counted(divergence.contract, given)
    got = measure(divergence, given)
    if got.raised:
        return f"it raises {got.raised}", given
    there = got.gradient[rows]
    if not there.any():
        return "", given
    reached, share = int(there.any(dim=-1).sum()), float(there.norm() / got.gradient.norm())
    return f"{reached} of {int(rows.sum())} rows without a label get a gradient, {share:.0%} of its norm", given


def _changed(divergence: Divergence, name: str, change: Callable[[Tensor], Tensor], whose: str) -> Verdict | None:
    says, example = smallest(partial(_effect, divergence, name, change, whose), SHAPES[1:])
    if not says:
        return None
    return allowed(says, example) if says.startswith(name) else broken(says, example)


def _effect(
    divergence: Divergence, name: str, change: Callable[[Tensor], Tensor], whose: str, shape: Shape
) -> tuple[str, Given | None]:
    """What changed logits of some model at ignored rows do; what is loud and left open begins with their name."""
    given = call(divergence.contract, shape)
    rows = ~counted(divergence.contract, given)[..., None]
    student, teacher = given.student_logits, given.teacher_logits
    other = replace(
        given,
        student_logits=student if whose == WHOSE[1] else torch.where(rows, change(student), student),
        teacher_logits=teacher if whose == WHOSE[0] else torch.where(rows, change(teacher), teacher),
    )
    before, after = measure(divergence, given), measure(divergence, other)
    if name in EXTREME and not divergence.contract.strict:
        if after.value != after.value or after.raised:
            return f"{name} there, of {whose}, make the loss {after.raised or 'NaN'}", other
        if not after.finite and not swallows(divergence):
            return f"{name} there, of {whose}, make the gradient NaN at a finite loss of {after.value:.4g}", other
    says = apart(divergence.contract, given, before, after)
    if not says and after.gradient[rows.squeeze(-1)].any():
        says = "a gradient where there is no label"
    return (f"{whose} with {name} at rows without a label: {says}" if says else ""), other
