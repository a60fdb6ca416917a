"""What a loss turned out to compute: its contract, and what is wrong with it whatever its contract is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.context import of_sequences, source
from sad.judge.losses.coupling import on_rows_alone
from sad.judge.losses.discover import FROM_THE_FRONT, Shape, explained
from sad.judge.losses.divisor import OWN_WEIGHTS, Divided, divided
from sad.judge.losses.families import EXCHANGED, GENERAL, RIGHT
from sad.judge.losses.label_loss import label_loss
from sad.judge.losses.means import of_parts
from sad.judge.losses.rows import by_doubling, by_parts, entropy_of, misplaced, row_loss, rows_of
from sad.judge.losses.sample import ACCEPTED, Fit, Sample, fit, fit_smoothed, given, sample, used
from sad.judge.losses.shifts import unshifted
from sad.judge.losses.taken import ignores, never_left_out, taken
from sad.judge.losses.temperature import Softened, beside, prepared, softened, unsquared
from sad.judge.roles import Role, upright
from sad.subjects.divergence import Contract, Divergence, Given, Kind, Reduction, Squared, Takes

STRANGE = 1e-9
UNEVEN = 1.0
"""What is not explained where each row has its own factor."""
SUM_OF_ONE = re.compile(r"\.sum\((dim\s*=\s*|axis\s*=\s*)?1\b")
"""A sum along axis 1: the vocabulary's in rows, the length's in sequences."""
OTHER = 50
"""Added to the seed where other logits are asked for."""
NOTHING = 1e-6
"""Of a value or a gradient: what float32 leaves of zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a loss computes. ``loss`` is it as a plain divergence: without the label loss, without a constant factor.

    ``faults`` are broken whatever the contract; ``notes`` say what was assumed or is one of several right things.
    """

    divergence: Divergence
    shape: Shape
    name: str
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)
    mixed: bool = False
    """The loss on the labels is mixed in."""
    uneven: bool = False
    """Rows weigh as no contract has a name for."""
    unfit: str = ""
    """What equal rows are weighted by, where that is no usual divisor and no matter of the logits."""
    label_loss: str = ""
    """What it is where it is a loss on labels and nothing else."""
    shared: str = ""
    """What all rows are divided by, where a contract has no name for it."""

    @property
    def known(self) -> bool:
        """Whether some formula explains the gradient."""
        return self.shape.fit.good


def found(shape: Shape, seed: int) -> Found:
    """What a loss computes; on rows where a sum counts axes from the front, and no text is meant."""
    whole = _found(shape, seed)
    call = shape.call
    if not whole.faults or call.form.rank != 3 or call.form.chunks or not SUM_OF_ONE.search(source(call)):
        return whole
    if of_sequences(call):
        return whole
    flat = call.formed(rank=2)
    try:
        of = sample(flat, shape.sample.given)
        other = _found(replace(shape, call=flat, sample=of, fit=explained(of, flat)), seed)
    except Exception:
        return whole
    if not other.known or other.faults:
        return whole
    says = f"it runs on [batch, length, vocab] too, and there it is wrong ({whole.faults[0]}): give it rows"
    return replace(other, notes=(*other.notes, says))


def _found(shape: Shape, seed: int) -> Found:
    """Tell from ordinary calls what the loss is divided by, where its temperature and its beta go, and what it adds."""
    if not shape.fit.good:
        return unknown(shape, seed)
    shape = prepared(_without_beta(shape), seed)
    heated = beside(shape.call, shape.fit, seed)
    hard = shape.fit.labels
    shape, mixing = _without_labels(shape)
    call, first = shape.call, shape.fit
    notes, faults = (
        [*shape.notes, *mixing],
        [*shape.faults, *heated, *([first.family.fault] if first.family.fault else [])],
    )
    with_labels = shape.sample.given.labels is not None
    count = call.takes(Role.COUNT)
    of = [sample(call, given(seed, which, labels=with_labels, count=count)) for which in (0, 1)]
    fits = [_again(s, first, call) for s in of]
    rows, shift = rows_of(of[0], fits[0])
    by = divided(of, fits, shift=shift)
    notes += by.notes
    faults += by.faults
    if rows == "others":
        faults.append(misplaced(of[0], fits[0]))
    if {hard, rows} == {"own", "next"}:
        two = ("divergence", "label loss") if rows == "own" else ("label loss", "divergence")
        faults.append(f"the {two[0]} is over the rows of the labels, the {two[1]} over those before: one is off by one")
    if by.reduction is None and (told := of_parts(call, of[0], fits[0], lambda s: _again(s, first, call), shift=shift)):
        faults.append(told)
    if call.form.flipped and (masks := upright(call.reading)):
        faults.append(f"it leaves out the rows where {masks[0]} is 1, and keeps those where it is 0")
    says, wrong = unshifted(call) if rows == "own" else ("", False)
    (faults if wrong else notes).extend([says] if says else [])
    if count and by.reduction is not Reduction.COUNT:
        faults.append(f"it takes a count and does not divide by it: the loss is divided by {by.name}")
    warm = softened(call, first, seed) if call.takes(Role.TEMPERATURE) else Softened(Squared.NOWHERE)
    notes += warm.notes
    faults += warm.faults
    entropy, said = entropy_of(of[0], fits[0])
    if entropy is None and by.reduction is None and not first.family.fault:
        # rows of some formula, each times a number of its own that the value does not have: another formula
        return unknown(replace(shape, fit=replace(first, residual=UNEVEN)), seed)
    (notes if entropy is not None else faults).extend(said)
    as_taken = {"with_labels": with_labels, "hard": bool(hard), "count": by.reduction is Reduction.COUNT}
    takes = taken(call, first, rows=rows, warm=warm, **as_taken)
    notes += never_left_out(hard) if with_labels and not takes[1] and rows == "all" else []
    kind, documented, more = _kind(call, first, seed)
    notes += more
    contract = Contract(
        kind if by.reduction is not None and not first.family.fault else Kind.OTHER,
        by.reduction or by_doubling(call, of[0]),
        warm.squared,
        entropy=not entropy,
        shift=shift,
        takes=takes[0],
    )
    known = by.reduction is not None and not first.family.fault and documented
    by_rows = (
        (lambda s, t, g: row_loss(first, call, entropy or 0.0, s, t, g))
        if known and contract.kind is Kind.OTHER
        else None
    )
    other = divided(of, [replace(f, kd=f.ce) for f in fits], shift=first.labels == "next") if first.labels else None
    if other is not None and other.name == OWN_WEIGHTS:
        # each row's label loss has a weight of its own, which the value does not tell: it cannot be taken off
        return unknown(replace(shape, fit=replace(first, residual=UNEVEN)), seed)
    faults += unsquared(call, first, by, other)
    loss = plain(call, first, by, other)
    numbers = {"explained": 1 - first.residual, "factor": by.factor}
    unfit = by.unfit if by.unfit and not _by_logits(call, first, fits[0], (seed, with_labels, count)) else ""
    more_told = tuple(faults), tuple(notes), numbers, bool(mixing), by.reduction is None, unfit
    return Found(Divergence(contract, loss, by_rows), shape, first.family.name, *more_told, shared=by.shared)


def _by_logits(call: Call, first: Fit, one: Fit, asked: tuple[int, bool, bool]) -> bool:
    """Whether what rows are weighted by is another for other logits with the same labels."""
    seed, labels, count = asked
    other = given(seed + OTHER, labels=labels, count=count)
    same = given(seed, labels=labels, count=count)
    again = _again(sample(call, replace(other, labels=same.labels)), first, call)
    before, after = (float(f.kd[used(f.kd)].mean()) for f in (one, again))
    return not again.good or abs(before - after) > ACCEPTED * abs(before)


def unknown(shape: Shape, seed: int) -> Found:
    """What can be said of a loss that no formula explains: the nearest, and by how much it differs."""
    call, of, nearest = shape.call, shape.sample, shape.fit
    front: tuple[str, ...] = ()
    if flat := on_rows_alone(of, call) if of.attached else None:
        if of_sequences(call):
            front = (FROM_THE_FRONT,)
        else:
            return unknown(replace(shape, call=flat, sample=sample(flat, of.given)), seed)
    leaves_out = not call.form.whole and (
        call.takes(Role.MASK, Role.PADDING, Role.BATCH) or (call.takes(Role.LABELS) and ignores(call))
    )
    takes = {Takes.LABELS} if of.given.labels is not None and leaves_out else set()
    takes |= {Takes.TEMPERATURE} if call.takes(Role.TEMPERATURE) else set()
    _, shift = rows_of(of, replace(nearest, kd=of.gradient.norm(dim=-1)))
    shift = shift and Takes.LABELS in takes
    contract = Contract(Kind.OTHER, by_parts(call, of, shift=shift), shift=shift, takes=frozenset(takes))
    alone = label_loss(shape, seed)
    told = f"nearest to {nearest.family.name}, whose gradient differs by {100 * nearest.residual:.3g}%"
    if nearest.residual == UNEVEN:
        told = f"nearest to {nearest.family.name} with rows that have weights of their own"
    return Found(
        Divergence(contract, call),
        shape,
        nearest.family.name,
        (*front, *(alone.faults if alone else ())),
        (told, *shape.notes),
        {"unexplained": nearest.residual},
        label_loss=alone.says if alone else "",
    )


def plain(call: Call, first: Fit, by: Divided, beside: Divided | None) -> Callable[[Given], Tensor]:
    """Return the loss without its label loss, which is divided as ``beside`` says, and without its constant factor."""

    def loss(of: Given) -> Tensor:
        if of.labels is None and call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH, Role.MODEL):
            # without labels some divide by another number; `without_labels` looks at that
            of = replace(of, labels=of.teacher_logits.detach().float().argmax(dim=-1))
        total = call(of)
        if beside is not None and of.labels is not None:
            rows = first.on_labels(call.form.temperature * of.student_logits, of)
            total = total - rows.sum() * beside.factor / max(1.0, beside.number(of))
        return total / by.factor

    return loss


def _without_beta(shape: Shape) -> Shape:
    """A setting that could be beta and is none, a weight, keeps its default."""
    if shape.fit.family.beta or not shape.call.betas() or shape.call.form.beta == "":
        return shape
    try:
        call = shape.call.formed(beta="")
        of = sample(call, shape.sample.given)
        again = explained(of, call)
    except Exception:
        return shape
    return replace(shape, call=call, sample=of, fit=again) if again.good else shape


def _again(of: Sample, first: Fit, call: Call) -> Fit:
    t = of.given.temperature if call.takes(Role.TEMPERATURE) else 1.0
    beta = of.given.beta if first.family.beta and call.betas() and call.form.beta != "" else first.beta
    if first.smoothing:
        again = fit_smoothed(of, first.family, beta, first.labels, (t, t), heat=first.heat)
        if again is not None:
            return again
    return fit(of, first.family, beta, first.labels, (t, t), smoothing=first.smoothing, heat=first.heat)


def _without_labels(shape: Shape) -> tuple[Shape, list[str]]:
    """Where a weight mixes label loss and divergence, hold it where there is only the divergence."""
    if not shape.fit.labels or not used(shape.fit.ce).any():
        return shape, []
    ce, kd = float(shape.fit.ce.abs().max()), float(shape.fit.kd.abs().max())
    smoothed = f" with label smoothing {shape.fit.smoothing:.3g}" if shape.fit.smoothing else ""
    said = f"the loss on the labels{smoothed} is mixed in, {ce / kd:.3g} times as much as the divergence"
    names = [n for n in shape.call.betas() if n != shape.call.form.beta or not shape.fit.family.beta]
    for name in names:
        for end in (0.0, 1.0):
            try:
                call = shape.call.formed(settings={**shape.call.settings, name: end}, beta=shape.call.form.beta or "")
                of = sample(call, shape.sample.given)
                again = explained(of, call)
            except Exception:
                # an end that it does not take
                continue
            if again.good and not again.labels and again.family == shape.fit.family:
                return replace(shape, call=call, sample=of, fit=again), [f"{said}; judged at {name} = {end:g}, without"]
    return shape, [f"{said}; it is taken off before the divergence is judged"]


def _kind(call: Call, first: Fit, seed: int) -> tuple[Kind, bool, list[str]]:
    """The kind, whether its rows can be written down, and what the ends of beta are."""
    family = first.family
    if not family.beta:
        return family.kind, family in RIGHT, []
    if not call.betas() or call.form.beta == "":
        if family is GENERAL and abs(first.beta - 0.5) < STRANGE:
            return Kind.JSD, True, ["beta is 0.5 inside"]
        return Kind.OTHER, True, [f"beta is {first.beta:g} inside"]
    if family not in (GENERAL, EXCHANGED):
        return Kind.OTHER, family in RIGHT, []
    ends = [at_end(call, beta, seed) for beta in (0.0, 1.0)]
    told = f"at beta 0 it is {ends[0]}, at beta 1 {ends[1]}"
    if family is GENERAL and ends == ["zero", "zero"]:
        return Kind.OTHER, True, [f"{told}: the JSD itself, without the limits that some take there"]
    return (Kind.JSD if family is GENERAL else Kind.OTHER), True, [told]


def at_end(call: Call, beta: float, seed: int) -> str:
    """Say what a loss is at an end of beta: a known divergence, zero, or not finite."""
    labels = call.takes(Role.LABELS, Role.MASK, Role.PADDING, Role.BATCH)
    try:
        of = sample(call, given(seed, labels=labels, beta=beta))
    except Exception as error:
        return f"an error ({type(error).__name__})"
    if not bool(of.gradient.isfinite().all()) or of.value != of.value:
        return "not finite"
    if float(of.gradient.abs().max()) < NOTHING:
        return "zero" if abs(of.value) < NOTHING else "without a gradient"
    for family in RIGHT[:2]:
        if _again(of, Fit(family, beta, of.gradient[..., 0], of.gradient[..., 0], 0.0), call).good:
            return family.name
    return "another thing"
