"""What a loss turned out to compute: its contract, and what is wrong with it whatever its contract is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.context import of_sequences, source, upright
from sad.judge.losses.coupling import classes_alone, on_rows_alone
from sad.judge.losses.discover import FROM_THE_FRONT, Shape, explained
from sad.judge.losses.divisor import OWN_WEIGHTS, Divided, divided
from sad.judge.losses.kinds import kind_of
from sad.judge.losses.label_loss import label_loss
from sad.judge.losses.labelled import counting
from sad.judge.losses.listed import of_some
from sad.judge.losses.means import of_parts
from sad.judge.losses.mixture import unlike, without_labels
from sad.judge.losses.refit import refit
from sad.judge.losses.rows import APART, by_count, by_doubling, by_parts, entropy_of, misplaced, row_loss, rows_of
from sad.judge.losses.sample import ACCEPTED, Fit, Sample, given, sample, used
from sad.judge.losses.shifts import of_inputs, unshifted
from sad.judge.losses.taken import ignores, never_left_out, says_ignored, taken
from sad.judge.losses.temperature import Softened, beside, prepared, softened, unsquared
from sad.judge.roles import Role
from sad.subjects.divergence import Contract, Divergence, Given, Kind, Reduction, Squared, Takes

UNEVEN = 1.0
"""What is not explained where each row has its own factor."""
SUM_OF_ONE = re.compile(r"\.sum\((dim\s*=\s*|axis\s*=\s*)?1\b")
"""A sum along axis 1: the vocabulary's in rows, the length's in sequences."""
OTHER = 50
"""Added to the seed where other logits are asked for."""


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
    """What a loss computes; on rows where it is right on those alone, and no text is meant: it counts axes from the
    front.
    """
    whole = _found(shape, seed)
    call = shape.call
    if not whole.faults or call.form.rank != 3 or call.form.chunks or of_sequences(call):
        return whole
    if not SUM_OF_ONE.search(source(call)) and not any(APART in fault for fault in whole.faults):
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
    hard = shape.fit.labels
    beside_it = [*beside(shape.call, shape.fit, seed), *unlike(shape, seed)]
    shape, mixing = without_labels(shape)
    call, first = shape.call, shape.fit
    with_labels, count = shape.sample.given.labels is not None, call.takes(Role.COUNT)
    of = [sample(call, given(seed, which, labels=with_labels, count=count)) for which in (0, 1)]
    fits = [refit(s, first, call) for s in of]
    rows, shift = rows_of(of[0], fits[0])
    by = divided(of, fits, shift=shift)
    entropy, said = entropy_of(of[0], fits[0])
    if entropy is None and by.reduction is None and not first.family.fault:
        # rows of some formula, each times a number of its own that the value does not have: another formula
        return unknown(replace(shape, fit=replace(first, residual=UNEVEN)), seed)
    other = _of_labels(of, fits) if first.labels else None
    if other is not None and other.name == OWN_WEIGHTS:
        # each row's label loss has a weight of its own, which the value does not tell: it cannot be taken off
        return unknown(replace(shape, fit=replace(first, residual=UNEVEN)), seed)
    warm = softened(call, first, seed) if call.takes(Role.TEMPERATURE) else Softened(Squared.NOWHERE)
    as_taken = {"with_labels": with_labels, "hard": bool(hard), "count": by.reduction is Reduction.COUNT}
    takes = taken(call, first, rows=rows, warm=warm, **as_taken)
    kind, documented, more = kind_of(call, first, seed)
    plainly = by.reduction is not None and not by.per_entry and not first.family.fault
    contract = Contract(
        kind if plainly else Kind.OTHER,
        by.reduction or by_doubling(call, of[0]),
        warm.squared,
        entropy=not entropy,
        shift=shift,
        takes=takes[0],
    )
    by_rows = None
    if plainly and documented and contract.kind is Kind.OTHER:
        by_rows = lambda s, t, g: row_loss(first, call, entropy or 0.0, s, t, g)  # noqa: E731
    wrong, odd = _of_rows(call, first, (of[0], fits[0]), (hard, rows, by, shift))
    family = [first.family.fault] if first.family.fault else []
    missing, told = (said, []) if entropy is None else ([], said)
    left = never_left_out(call, hard) if with_labels and not takes[1] and rows == "all" else []
    faults = [*shape.faults, *of_some(shape), *beside_it, *family, *by.faults, *wrong, *warm.faults, *missing]
    return Found(
        Divergence(contract, plain(call, first, by, other), by_rows),
        shape,
        first.family.name,
        (*faults, *unsquared(call, first, by, other)),
        (*shape.notes, *mixing, *by.notes, *odd, *warm.notes, *told, *left, *more),
        {"explained": 1 - first.residual, "factor": by.factor},
        mixed=bool(mixing),
        uneven=by.reduction is None,
        unfit=by.unfit if by.unfit and not _by_logits(call, first, fits[0], (seed, with_labels, count)) else "",
        shared=by.shared,
    )


def _of_labels(of: Sequence[Sample], fits: Sequence[Fit]) -> Divided:
    """What the label loss is divided by that is beside it."""
    return divided(of, [replace(f, kd=f.ce) for f in fits], shift=fits[0].labels == "next")


def _of_rows(
    call: Call, first: Fit, one: tuple[Sample, Fit], told: tuple[str, str, Divided, bool]
) -> tuple[list[str], list[str]]:
    """What is wrong with the rows that it is over, and what is noted of them."""
    hard, rows, by, shift = told
    faults: list[str] = []
    if rows == "others":
        faults.append(misplaced(*one))
    if {hard, rows} == {"own", "next"} and not (rows == "own" and of_inputs(call)):
        two = ("divergence", "label loss") if rows == "own" else ("label loss", "divergence")
        faults.append(f"the {two[0]} is over the rows of the labels, the {two[1]} over those before: one is off by one")
    if by.reduction is None and (parts := of_parts(call, *one, lambda s: refit(s, first, call), shift=shift)):
        faults.append(parts)
    if call.form.flipped and (masks := upright(call.reading)):
        faults.append(f"it leaves out the rows where {masks[0]} is 1, and keeps those where it is 0")
    says, wrong = unshifted(call) if rows == "own" else ("", False)
    if wrong:
        faults.append(says)
    counted = by.reduction is Reduction.COUNT or (by.name == OWN_WEIGHTS and by_count(call, one[0]))
    if call.takes(Role.COUNT) and not counted and not by.name.startswith("the given count"):
        faults.append(f"it takes a count and does not divide by it: the loss is divided by {by.name}")
    return faults, [says] if says and not wrong else []


def _by_logits(call: Call, first: Fit, one: Fit, asked: tuple[int, bool, bool]) -> bool:
    """Whether what rows are weighted by is another for other logits with the same labels."""
    seed, labels, count = asked
    other = given(seed + OTHER, labels=labels, count=count)
    same = given(seed, labels=labels, count=count)
    other_fit = refit(sample(call, replace(other, labels=same.labels)), first, call)
    before, after = (float(f.kd[used(f.kd)].mean()) for f in (one, other_fit))
    return not other_fit.good or abs(before - after) > ACCEPTED * abs(before)


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
    if leaves_out and not call.takes(Role.MASK, Role.PADDING, Role.BATCH) and not says_ignored(call):
        leaves_out = of.given.labels is None or not of.attached or not classes_alone(of, call)
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
        if of.labels is not None:
            of = replace(of, labels=counting(of.labels, call.ignored, of.student_logits.shape[-1]))
        total = call(of)
        if beside is not None and of.labels is not None:
            rows = first.on_labels(call.form.temperature * of.student_logits, of)
            total = total - rows.sum() * beside.factor / max(1.0, beside.number(of))
        return total / by.scale(of)

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
