"""Every number that a distillation reports, and its gradient, are those that the texts say.

## Property
For the same weights, texts and tokenizers: each term's value, the loss, the gradient by every weight of the student and
of the projections, what the optimizer's first step (AdamW: matrices decay, vectors do not) makes of it and how large
that is said to be, what the teacher thinks of the first micro-batch, and every score of held-out texts (the student's
and the teacher's likelihood per token and per byte, divergence, agreement, mapped mass, the terms again) equal those of
a plain computation from the texts. So it is with two tokenizers, with two of one size, with one vocabulary that is cut
in two ways and of which one side has a word for a mark, with one tokenizer that is written in two ways; with and
without begin marks; at temperatures other than 1; with weights other than 1 for every term; with a mark in a text that
one side spells out; with each way to normalise a state, named pairs of blocks, relations of attention and its maps,
negatives of the text and of the micro-batch; with a teacher whose answers were stored, and much of whose mass no token
of the student's can take; with a last batch, and a last micro-batch, that is not full; with heads that have rows to
spare, or cut off, a bias, a scale or a cap, or a layer of their own before them; with a body that is not where its
class says; and so it is where memory that nobody has written to holds NaN. A head that does something else is computed
rightly, or refused.

## Why it must hold
Each part may be right while what it is given is not: a loss of the wrong token, a map of the wrong tokenizer, a
temperature that one of two paths forgets, a batch that is left out. A term that is wrong still falls.

## Tolerance
2e-5 of each number, or of 1e-3 where it is smaller, and of the gradient's norm, tensor by tensor. The code that trains,
in float32, was measured within 1e-5 of all of them (within 1e-6 but for the likelihood of chunks that are nearly
certain). The change of a weight is only judged where the sign of its gradient is above float noise: where it is more
than 1e-4 of the largest of its tensor.

A stored teacher's answers are rounded: 1e-3 there, measured 1e-4.

## What breaks it
Tokens matched by id, or tokenizers taken for one because their sizes agree; the temperature on one side only; labels
that are the tokens read; a term scaled out of sight; bytes counted twice; a clamped likelihood; an agreement, or a
mapped mass, that is always 1; held-out texts that are not scored; norms that decay; an update measured against itself;
a buffer of which a part is never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from sad.errors import UserError
from sad.invariants._pairs import ODD, tasks
from sad.subjects.objective import (
    Account,
    Learner,
    Task,
)
from sad.subjects.plain.objective import PlainObjective
from sad.subjects.probe.unwritten import unwritten_is_nan
from sad.verdict import Verdict

ID = "I07"

TOLERANCE, ROUNDED = 2e-5, 1e-3
LEAST = 1e-6
"""Of the whole gradient's norm: a tensor with less is not judged by itself."""
SMALL = 1e-3
"""A number below it is judged as one of its size: a teacher that is sure has an entropy of float noise."""
SIGN = 1e-4
"""Of the largest gradient of its tensor: a weight with less may move either way."""


def objective_matches_the_texts(learner: Learner) -> Verdict:
    """Judge what is computed of three tasks."""
    faults: list[str] = []
    worst, numbers = 0.0, 0
    for name, task in tasks():
        try:
            with unwritten_is_nan():
                got = learner(task)
        except UserError:
            if name != ODD:
                raise
            break
        if sorted(n for batch in got.batches for n in batch) != list(range(len(task.texts))):
            return Verdict(False, f"{name}: the step's texts are {[list(b) for b in got.batches]}", {"raised": 1})
        right = _right(name, task, got)
        for off, says in compared(got, right):
            numbers += 1
            if not off <= (ROUNDED if task.stored else TOLERANCE):
                faults.append(f"{name}: {says}")
            else:
                worst = max(worst, off)
        if faults:
            break
    says = f"{numbers} numbers and gradients are what the texts say, within {worst:.0e}"
    if faults:
        says = faults[0] + (f" ({len(faults)} of {numbers} are off)" if len(faults) > 1 else "")
    return Verdict(not faults, says, {"wrong": len(faults), "numbers": numbers, "off": worst})


_RIGHT: dict[tuple[Any, ...], Account] = {}
"""What was computed from the texts already, for the same micro-batches and projections."""


def _right(name: str, task: Task, got: Account) -> Account:
    """What the texts of a task say. Its models are made anew for every learner, and always the same."""
    of = (name, *map(tuple, got.batches), *(tuple(made.flatten().tolist()) for made in got.projections))
    if of not in _RIGHT:
        _RIGHT[of] = PlainObjective().account(task, got.batches, got.projections)
    return _RIGHT[of]


def compared(got: Account, right: Account) -> Iterator[tuple[float, str]]:
    """How far each number and each gradient is off, relative, and in words."""
    for where, found, wanted in (("", got.step, right.step), ("held-out ", got.held_out, right.held_out)):
        for name, value in wanted.items():
            yield from _number(f"{where}{name}", found, name, value)
    norm = float(torch.stack([of.norm() for of in right.gradient.values()]).norm())
    for name, of in right.gradient.items():
        off = _apart(got.gradient.get(name), of) / max(float(of.norm()), LEAST * norm)
        yield off, f"the gradient of {name} is off by {off:.2g} of its norm"
    for name, of in right.change.items() if got.change else ():
        clear = right.gradient[name].abs() > SIGN * right.gradient[name].abs().max()
        moved = got.change.get(name)
        off = _apart(None if moved is None else moved * clear, of * clear) / max(float((of * clear).norm()), LEAST)
        yield off, f"the change of {name} is off by {off:.2g} of its norm"


def _number(what: str, found: Mapping[str, float], name: str, value: float) -> Iterator[tuple[float, str]]:
    if name not in found:
        yield float("inf"), f"{what} is missing, from the texts {value:.5g}"
        return
    off = abs(found[name] - value) / max(abs(value), SMALL)
    yield off, f"{what} is {found[name]:.5g}, from the texts {value:.5g}"


def _apart(got: Tensor | None, right: Tensor) -> float:
    if got is None or got.shape != right.shape:
        return float("inf")
    return float((got.double() - right).norm())
