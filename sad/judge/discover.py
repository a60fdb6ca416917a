"""Finds the form in which a loss is called: the first in which it is a known divergence, else the first that runs."""

from __future__ import annotations

import inspect
import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sad.errors import UserError
from sad.judge.call import Call
from sad.judge.families import EVERY, FORWARD, REVERSE, RIGHT, Family
from sad.judge.roles import Role, Space, upright
from sad.judge.sample import ACCEPTED, Fit, Sample, fit, fit_smoothed, given, sample, used
from sad.judge.screen import Entry, screened
from sad.judge.target import said

UNKNOWN_BETAS = (0.5, 0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.6, 0.05, 0.95, 0.01, 0.99, 0.25, 0.75)
"""What a beta may be that is fixed inside."""
FIXED_TEMPERATURES = (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 20.0, 1.5, 0.5, 6.0, 7.0)
UNEXPLAINED = 24
"""Forms that run and that no formula explains, after which no other is tried: where one was right, it was the fifth at
the latest, on 150 losses.
"""
AS_NEAR = 1.5
"""How many times the least residual still counts as near: below that the likeliest form is taken."""
SEARCH = 10.0
"""Seconds after which no other form is tried, where one ran; half as many more for temperatures fixed inside."""
LOG, PROB, LOGIT = Space.LOG_PROBS, Space.PROBS, Space.LOGITS
SPACES = ((LOGIT, LOGIT), (LOG, PROB), (LOG, LOG), (PROB, PROB))
SEQUENCES = re.compile(
    r"batch\w*[\s,*x]+\w*(seq|len|tok|time)\w*[^\n]{0,30}[,x]\s*\w*vocab|\[\s*b\w*\s*,\s*[tsl]\w*\s*,\s*v\w*\s*\]"
    r"|\.\.\.,\s*:-1\s*,\s*:\s*\]|\[:\s*,\s*:-1\b|\(\s*b\s*,\s*[tsl]\s*,\s*v\s*\)",
    re.IGNORECASE,
)
"""Where source or docs say that logits are [batch, length, vocab]."""
AXES = re.compile(
    r"[\[(]\s*b\w*\s*,\s*(\w*seq\w*|\w*len\w*|\w*tok\w*|[tsln])\s*,\s*(\w*vocab\w*|v)\s*[\])]"
    r"|\.\.\.,\s*:-1\s*,\s*:\s*\]|\[:\s*,\s*:-1\s*(,\s*:\s*)?\]",
    re.IGNORECASE,
)
"""The same, without rows that were flattened before."""
AXIS_ONE = re.compile(r"softmax\((?:[^()]|\([^()]*\))*?(,\s*|dim\s*=\s*)1\s*\)")
"""A softmax along axis 1."""

FROM_THE_FRONT = (
    "its rows do not depend on one another in [rows, vocab], and do in [batch, length, vocab], which is what its "
    "source says that logits are: there, axis 1 is the length, and it must name the last one"
)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How a loss is called, what an ordinary call gave, and the formula that explains it best."""

    call: Call
    sample: Sample
    fit: Fit
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class CannotRunError(Exception):
    """The loss raised in every form that was tried; the sentence is what it raised first."""


def discover(call: Call, seed: int) -> Shape:
    """Return how the loss is called.

    Raises ``CannotRunError`` where nothing that was tried runs, UserError where what it takes cannot be told.
    """
    ran: list[Shape] = []
    first: Exception | None = None
    began, tried, stopped = time.perf_counter(), 0, ""
    for form in forms(call):
        spent = time.perf_counter() - began
        if ran and (len(ran) >= UNEXPLAINED or spent > SEARCH):
            limit = f"{len(ran)} that ran" if len(ran) >= UNEXPLAINED else f"{SEARCH:g} s"
            stopped = f"the search for its form stopped after {limit}: {tried} forms tried, none explained"
            break
        tried += 1
        if form.form.whole and ran and not ran[0].call.form.whole:
            # labels without -100 are for what raises with them
            break
        try:
            found = _tried(form, seed)
        except UserError:
            raise
        except Exception as error:
            first = first or error
            continue
        if found.fit.good and not found.fit.family.fault and not _inverted(found) and not _backwards(found):
            return _crosswise(found, ran)
        ran.append(found)
    if not ran:
        raise CannotRunError(said(first) if first is not None else "there is no way to call it")
    good = [shape for shape in ran if shape.fit.good]
    shape = next((s for s in good if not s.fit.family.fault), good[0] if good else _nearest(ran))
    shape = replace(shape, notes=(*shape.notes, *([stopped] if stopped else [])))
    return shape if good else _fixed_temperature(shape, until=began + 1.5 * SEARCH)


def forms(call: Call) -> Iterator[Call]:
    """Every form in which it is tried, the likeliest first."""
    text = source(call)
    ranks = (2, 3) if call.hidden else (3, 2)
    spaces = _spaces(call)
    masked = call.takes(Role.MASK, Role.PADDING, Role.BATCH)
    masks = (torch.bool, torch.long, torch.float32) if masked else (torch.bool,)
    order = (False, True) if not call.reading.ordered else (False,)
    listed = re.search(r"list\[(torch\.)?tensor", text, re.IGNORECASE)
    number = re.search(r"num_\w*chunks\w*\s*:\s*int\s*=\s*(\d+)", text)
    chunks = (int(number[1]) if number else 2, 0) if listed else (0,)
    outputs = (False, True) if ".logits" in text or "['logits']" in text or '["logits"]' in text else (False,)
    flips, longer = ((False, True), (False, True)) if masked else ((False,), (False,))
    even = "tensor_split" in text
    whole = (False, True) if call.takes(Role.LABELS, Role.BATCH) else (False,)
    every = itertools.product(whole, chunks, outputs, longer, flips, ranks, spaces, order, masks)
    for full, chunked, output, more, flip, rank, (student, teacher), swapped, dtype in every:
        if chunked and rank == 2:
            continue
        changes: dict[str, Any] = {
            "rank": rank,
            "student": student,
            "teacher": teacher,
            "chunks": chunked,
            "even": even,
        }
        changes |= {"outputs": output, "swapped": swapped, "masks": dtype, "flipped": flip, "longer": more}
        yield call.formed(**changes, whole=full)


def source(call: Call) -> str:
    """Return the source of the loss, with that of its class where it is one; '' where there is none to read."""
    target = call.about or call.target
    target = target.__func__ if isinstance(target, classmethod) else target
    target = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
    try:
        return inspect.getsource(target)
    except (OSError, TypeError):
        return ""


def explained(of: Sample, call: Call, temperatures: tuple[float, float] | None = None) -> Fit:
    """Return the first formula that explains a gradient; the nearest, where none does."""
    t = of.given.temperature if call.takes(Role.TEMPERATURE) else 1.0
    both = temperatures or (t, t)
    entries = tuple((family, beta) for family in EVERY for beta in _betas(family, of, call))
    with_labels = of.given.labels is not None and call.takes(Role.LABELS, Role.BATCH, Role.LABEL_LOSS, Role.MODEL)
    alone = screened(of, entries, both)
    for tried in _likely(of, entries, both, alone, ("", 1.0, False)):
        return tried
    if with_labels:
        # a label loss sees the logits as they are, or divided by the temperature that is fixed inside
        heats = dict.fromkeys((1.0, of.scale))
        for smoothed, rows, heat in itertools.product((False, True), ("own", "next"), heats):
            residuals = screened(of, entries, both, rows, heat=heat, smoothed=smoothed)
            for tried in _likely(of, entries, both, residuals, (rows, heat, smoothed)):
                return tried
    family, beta = entries[int(alone.argmin())]
    return fit(of, family, beta, temperatures=both)


def _likely(
    of: Sample,
    entries: tuple[Entry, ...],
    temperatures: tuple[float, float],
    residuals: Tensor,
    beside: tuple[str, float, bool],
) -> Iterator[Fit]:
    """Fit those that explain it by the look of them, in order; ``beside`` are a label loss's rows, heat and whether
    it is smoothed.
    """
    rows, heat, smoothed = beside
    for at in (residuals <= 2 * ACCEPTED).nonzero()[:, 0].tolist():
        family, beta = entries[at]
        if not smoothed:
            tried: Fit | None = fit(of, family, beta, rows, temperatures, heat=heat)
        else:
            tried = None if family.fault else fit_smoothed(of, family, beta, rows, temperatures, heat=heat)
        if tried is not None and tried.good and bool(tried.kd.abs().max() > 0):
            yield tried


def _betas(family: Family, of: Sample, call: Call) -> tuple[float, ...]:
    if not family.beta:
        return (0.5,)
    if call.betas() and call.form.beta != "":
        return (of.given.beta,)
    return UNKNOWN_BETAS if family in RIGHT else (0.5,)


def _tried(call: Call, seed: int) -> Shape:
    labels = call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH, Role.LABEL_LOSS, Role.MODEL)
    of = sample(call, given(seed, labels=labels))
    if not of.attached:
        return Shape(call, of, Fit(FORWARD, 0.5, of.gradient[..., 0], of.gradient[..., 0], float("inf")))
    found = explained(of, call)
    for name in call.betas() if len(call.betas()) > 1 or (call.betas() and not found.good) else ():
        # which of several settings is beta, or none: then each is a weight at its default
        for beta in (name, ""):
            again = call.formed(beta=beta)
            other = sample(again, given(seed, labels=labels))
            fitted = explained(other, again)
            if fitted.good and (not found.good or (found.family.fault and not fitted.family.fault)):
                call, of, found = again, other, fitted
    if not found.good and len(call.betas()) > 1:
        # one number for all of them may hide that two are exchanged
        call = call.formed(beta="")
        of = sample(call, given(seed, labels=labels))
        found = explained(of, call)
    return Shape(call, of, found)


def _fixed_temperature(shape: Shape, until: float) -> Shape:
    """Try whether a temperature that is fixed inside explains what nothing else does, until that time."""
    if shape.call.takes(Role.TEMPERATURE) or not shape.sample.attached:
        return shape
    for temperature in FIXED_TEMPERATURES:
        if time.perf_counter() > until:
            says = f"temperatures from {temperature:g} on that may be fixed inside were not tried: it is slow"
            return replace(shape, notes=(*shape.notes, says))
        call = shape.call.formed(temperature=temperature)
        of = sample(call, shape.sample.given)
        found = explained(of, call)
        if found.good and not found.family.fault:
            note = f"a temperature of {temperature:g} is fixed inside; the logits are multiplied by it to undo that"
            return Shape(call, of, found, (*shape.notes, note))
    return shape


def _crosswise(shape: Shape, ran: list[Shape]) -> Shape:
    """Where a source says [batch, length, vocab] and the loss runs on that, it must be right on that."""
    call = shape.call
    runs = any(other.call.form.rank == 3 and other.sample.attached for other in ran)
    if call.form.rank != 2 or not runs or call.hidden or not (of_sequences(call) and AXIS_ONE.search(source(call))):
        return shape
    says = (
        f"it is {shape.fit.family.name} on rows alone, and its source says that logits are [batch, length, vocab]: "
        "there, axis 1 is the length, and softmax must go along the last"
    )
    return replace(shape, faults=(says,))


def of_sequences(call: Call) -> bool:
    """Whether source or parameters say that logits are [batch, length, vocab]."""
    return bool(AXES.search(source(call))) or bool(upright(call.reading))


def _spaces(call: Call) -> tuple[tuple[Space, Space], ...]:
    told = call.reading.spaces
    student, teacher = told.get(Role.STUDENT), told.get(Role.TEACHER)
    if student and teacher:
        return ((student, teacher),)
    if call.hidden:
        return SPACES[:1]
    return tuple(s for s in SPACES if student in (None, s[0]) and teacher in (None, s[1])) or SPACES[:1]


def _inverted(shape: Shape) -> bool:
    """Whether just the rows count that should not: a mask was read the other way round."""
    labels = shape.sample.given.labels
    if labels is None or not shape.call.takes(Role.MASK, Role.PADDING):
        return False
    return bool((used(shape.fit.kd) == (labels == -100)).all())


def _backwards(shape: Shape) -> bool:
    """Whether it is the reverse KL where names leave open which is the teacher's: then the other order is tried too."""
    return shape.fit.family is REVERSE and not shape.call.reading.ordered and not shape.call.form.swapped


def _nearest(ran: list[Shape]) -> Shape:
    """Return the likeliest form among those nearest to a known formula; one that gives no gradient at all is the last.

    A mask is read against its name only where that makes it a known divergence.
    """
    upright = [shape for shape in ran if not shape.call.form.flipped] or ran
    residuals = [s.fit.residual if s.fit.residual == s.fit.residual else float("inf") for s in upright]
    found = next(s for s, off in zip(upright, residuals, strict=True) if off <= AS_NEAR * min(residuals))
    if found.call.form.rank == 2 and any(shape.call.form.rank == 3 for shape in ran):
        # an axis that is counted from the front is another one there
        says = "it runs on [batch, length, vocab] too, and is farther from every formula there: give it rows alone"
        found = replace(found, notes=(*found.notes, says))
    return found
