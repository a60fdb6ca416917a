"""A loss on labels alone, cross-entropy as a rule: no divergence, and judged by its rows and its divisor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sad.judge.losses.call import Call
from sad.judge.losses.context import upright
from sad.judge.losses.discover import Shape
from sad.judge.losses.divisor import OWN_WEIGHTS, divided
from sad.judge.losses.families import FORWARD
from sad.judge.losses.means import of_parts
from sad.judge.losses.on_labels import on_labels
from sad.judge.losses.rows import by_count, misplaced, rows_of
from sad.judge.losses.sample import Fit, Sample, given, sample
from sad.judge.losses.shifts import unshifted
from sad.judge.roles import Role
from sad.subjects.divergence import Reduction


@dataclass(frozen=True, slots=True)
class LabelLoss:
    """What it is, and what is wrong with it."""

    says: str
    faults: tuple[str, ...] = ()


def label_loss(shape: Shape, seed: int) -> LabelLoss | None:
    """Return what a loss is whose gradient is that of a loss on the labels; None where it is more, or less, than that.

    Every row has its own factor, so nothing is taken for granted but the label, and the share of a uniform target.
    """
    call, of = shape.call, shape.sample
    if of.given.labels is None:
        return None
    for rows in ("own", "next"):
        first = on_labels(of, rows)
        if first is not None:
            return _judged(call, seed, first)
    return None


def _judged(call: Call, seed: int, first: Fit) -> LabelLoss | None:
    count = call.takes(Role.COUNT)
    samples = [sample(call, given(seed, which, count=count)) for which in (0, 1)]
    fits = [found for one in samples if (found := on_labels(one, first.labels)) is not None]
    if len(fits) < len(samples):
        return None
    which, shift = rows_of(samples[0], fits[0])
    by = divided(samples, fits, shift=shift)
    faults = [*by.faults]
    if which == "others":
        faults.append(misplaced(samples[0], fits[0]))
    counted = by.reduction is Reduction.COUNT or (by.name == OWN_WEIGHTS and by_count(call, samples[0]))
    if count and not counted:
        faults.append(f"it takes a count and does not divide by it: the loss is divided by {by.name}")
    if by.unfit:
        faults.append(by.unfit)
    if by.reduction is Reduction.ROWS and which in ("own", "next"):
        faults.append("rows without a label are left out of its sum, and count in its mean")

    def again(one: Sample) -> Fit:
        return on_labels(one, first.labels) or Fit(FORWARD, 0.5, fits[0].kd, fits[0].kd, float("inf"))

    if by.reduction is None and (told := of_parts(call, samples[0], fits[0], again, shift=shift)):
        faults.append(told)
    if call.form.flipped and (masks := upright(call.reading)):
        faults.append(f"it leaves out the rows where {masks[0]} is 1, and keeps those where it is 0")
    says, wrong = unshifted(call) if which == "own" else ("", False)
    faults += [says] if wrong else []
    whose = "each row's own label" if first.labels == "own" else "the label after each row's own"
    return LabelLoss(f"it is a loss on labels, the cross-entropy with {whose}, {'; '.join(by.notes)}", tuple(faults))


def beside_at_equal(equal: Sample) -> bool:
    """Whether all that is left of a gradient at student = teacher is a label loss that is mixed in."""
    if equal.given.labels is None:
        return False
    return any(on_labels(equal, rows) is not None for rows in ("own", "next"))


def beside_a_label_loss(shape: Shape) -> bool:
    """Whether that is so of a loss."""
    of = shape.sample
    if of.given.labels is None or not of.attached:
        return False
    return beside_at_equal(sample(shape.call, replace(of.given, student_logits=of.given.teacher_logits.clone())))
