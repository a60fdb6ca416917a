"""Finds the form in which a loss is called: the first in which it is a known divergence, else the first that runs."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from sad.errors import UserError
from sad.judge.losses.asking import other_readings
from sad.judge.losses.call import Call
from sad.judge.losses.context import AXES, AXIS_ONE, MERGED, of_sequences, source
from sad.judge.losses.families import EVERY, FORWARD, REVERSE, RIGHT, Family
from sad.judge.losses.forms import forms
from sad.judge.losses.on_labels import of_labels_alone
from sad.judge.losses.sample import ACCEPTED, Fit, Sample, fit, fit_smoothed, given, sample, used, without_states
from sad.judge.losses.screen import Entry, screened
from sad.judge.losses.views import no_teacher, taken_apart
from sad.judge.roles import Role, Space
from sad.judge.stand_in import NeedsAdapterError
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
NEARLY = 0.01
"""What an epsilon among probabilities may leave unexplained of a gradient."""
FLAT = 1e-4
"""Of the gradient's norm at equal logits against that at ordinary ones."""
SEARCH = 10.0
"""Seconds after which no other form is tried, where one ran; half as many more for temperatures fixed inside."""

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
    """Return how the loss is called: as its names say, or as what it raises asks for.

    Raises ``CannotRunError`` where nothing that was tried runs, UserError where what it takes cannot be told.
    """
    roles, text = call.reading.roles, source(call)
    if parts := taken_apart(roles, text):
        raise NeedsAdapterError(f"it takes apart {parts}: which is the student's and which the teacher's is not told")
    if why := no_teacher(roles, text, call.defaults()):
        raise NeedsAdapterError(why)
    try:
        return _discovered(call, seed)
    except CannotRunError as error:
        for other in other_readings(call, str(error)):
            with contextlib.suppress(CannotRunError):
                found = _discovered(other, seed)
                # a mask with an axis more lets other things run too: single tokens, for one
                if found.sample.attached and (found.fit.good or not other.form.column):
                    return found
        raise


def _discovered(call: Call, seed: int) -> Shape:
    ran: list[Shape] = []
    first: Exception | None = None
    began, tried, stopped = time.perf_counter(), 0, ""
    for form in forms(call):
        spent = time.perf_counter() - began
        if ran and (len(ran) >= UNEXPLAINED or spent > SEARCH):
            limit = f"{len(ran)} that ran" if len(ran) >= UNEXPLAINED else f"{SEARCH:g} s"
            stopped = f"the search for its form stopped after {limit}: {tried} forms tried, none explained"
            break
        if form.form.rank == 2 and MERGED.search(source(call)) and any(one.call.form.rank == 3 for one in ran):
            continue
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
        if found.fit.good and not found.fit.family.fault and not _put_off(found):
            return _firsts(_crosswise(found, ran), ran)
        if of_labels_alone(found.sample, call):
            return found
        ran.append(found)
    if not ran:
        raise CannotRunError(said(first) if first is not None else "there is no way to call it")
    good = [shape for shape in ran if shape.fit.good and not _beside_a_nearer_one(shape, ran)]
    shape = next((s for s in good if not s.fit.family.fault), good[0] if good else _nearest(ran))
    shape = replace(shape, notes=(*shape.notes, stopped)) if stopped else shape
    return shape if good else _fixed_temperature(shape, until=began + 1.5 * SEARCH)


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
    if family.beta and call.betas() and call.form.beta != "":
        return (of.given.beta,)
    return UNKNOWN_BETAS if family.beta and family in RIGHT else (0.5,)


def _tried(call: Call, seed: int) -> Shape:
    labels = call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH, Role.LABEL_LOSS, Role.MODEL)
    of = sample(call, given(seed, labels=labels))
    if call.asked.states and not without_states(call, of):
        raise NeedsAdapterError("it compares hidden states of its models, which stand-ins do not have")
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
    of_rows = AXIS_ONE.search(source(shape.call)) and not shape.call.form.chunks
    ranks = dict.fromkeys((shape.call.form.rank, *((2,) if of_rows else ())))
    for temperature in FIXED_TEMPERATURES:
        if time.perf_counter() > until:
            says = f"temperatures from {temperature:g} on that may be fixed inside were not tried: it is slow"
            return replace(shape, notes=(*shape.notes, says))
        for rank in ranks:
            call = shape.call.formed(temperature=temperature, rank=rank)
            try:
                of = sample(call, shape.sample.given)
            except Exception:
                # another number of axes, which it does not take
                continue
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


def _beside_a_nearer_one(shape: Shape, ran: list[Shape]) -> bool:
    """Whether it is a known mistake on probabilities, and nearly a right formula on logits: an epsilon is in that."""
    on_logits = [one for one in ran if (one.call.form.student, one.call.form.teacher) == (Space.LOGITS, Space.LOGITS)]
    if not shape.fit.family.fault or shape in on_logits:
        return False
    return any(one.fit.residual <= NEARLY and not one.fit.family.fault for one in on_logits)


def _put_off(shape: Shape) -> bool:
    """Whether another form may be the one that is meant, though this one is a known divergence."""
    return _inverted(shape) or _backwards(shape) or _first_alone(shape)


def _first_alone(shape: Shape) -> bool:
    """Whether it is of the first place of every sequence alone, that of a [CLS]."""
    some = used(shape.fit.kd)
    return shape.call.form.rank == 3 and bool(some[:, 0].all()) and not bool(some[:, 1:].any())


def _firsts(shape: Shape, ran: list[Shape]) -> Shape:
    """Say that of [batch, length, width] it would read the first places alone: it is judged on rows."""
    if shape.call.form.rank != 2 or not any(other.fit.good and _first_alone(other) for other in ran):
        return shape
    says = "of [batch, length, width] it reads the first place of every sequence alone"
    return replace(shape, call=shape.call.formed(firsts=True), notes=(*shape.notes, says))


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
    if flat := next((shape for shape in upright if _flat(shape)), None):
        # no loss is judged on probabilities where it is a divergence of the logits that were tried before
        given_as = flat.call.form.student, flat.call.form.teacher
        upright = [s for s in upright if (s.call.form.student, s.call.form.teacher) == given_as]
    if AXES.search(source(ran[0].call)):
        # what the source says of its axes is more than how near a formula is that does not explain it
        upright = [s for s in upright if s.call.form.rank == 3 and s.sample.attached] or upright
    residuals = [s.fit.residual if s.fit.residual == s.fit.residual else float("inf") for s in upright]
    found = next(s for s, off in zip(upright, residuals, strict=True) if off <= AS_NEAR * min(residuals))
    if found.call.form.rank == 2 and any(shape.call.form.rank == 3 for shape in ran):
        # an axis that is counted from the front is another one there
        says = "it runs on [batch, length, vocab] too, and is farther from every formula there: give it rows alone"
        found = replace(found, notes=(*found.notes, says))
    return found


def _flat(shape: Shape) -> bool:
    """Whether nothing pulls where student equals teacher; False where that cannot be told."""
    of = shape.sample
    try:
        equal = sample(shape.call, replace(of.given, student_logits=of.given.teacher_logits.clone()))
    except Exception:
        return False
    usual = float(of.gradient.norm())
    return shape.sample.attached and usual > 0 and float(equal.gradient.norm()) <= FLAT * usual
