"""What a fitted loss says of its rows and of its value: which rows count, whose entropy is in it, mean or sum."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sad.judge.losses.call import Call
from sad.judge.losses.sample import Fit, Sample, sample, used
from sad.subjects.divergence import IGNORED, Contract, Given, Reduction, counted

CLOSE = 1e-3
"""Relative: between a value and the value that belongs to its gradient."""
STRANGE = 1e-9
APART = "value and gradient do not belong together"


def rows_of(of: Sample, first: Fit) -> tuple[str, bool]:
    """Which rows the divergence is over, in a word, and whether that is by the next label."""
    some, labels = used(first.kd), of.given.labels
    last = torch.ones_like(some)
    last[:, -1] = False
    if labels is None:
        return ("all but the last", True) if bool((some == last).all()) else ("all", False)
    own = labels != IGNORED
    following = torch.cat([own[:, 1:], torch.zeros_like(own[:, :1])], dim=1)
    for name, rows, shift in (("own", own, False), ("next", following, True), ("all but the last", last, True)):
        if bool((some == rows).all()):
            return name, shift
    return ("all", False) if bool(some.all()) else ("others", first.labels == "next")


def misplaced(of: Sample, first: Fit) -> str:
    """Say which rows are counted where they are neither those of their labels nor those before them."""
    some, labels = used(first.kd), of.given.labels
    assert labels is not None
    cut = labels != IGNORED
    cut[:, -1] = False
    if bool((some == cut).all()):
        return "the last row is cut off and the labels are not shifted: each row is judged by the label before its own"
    wrong = int((some != (labels != IGNORED)).sum())
    told = f"({wrong} of {some.numel()} are not)"
    return f"the rows that it counts are neither those with a label nor those before one {told}"


def by_count(call: Call, of: Sample) -> bool:
    """Whether its gradient is half as large where the count that it is given is twice as large."""
    if of.given.count is None:
        return False
    other = sample(call, replace(of.given, count=2 * of.given.count))
    return float((2 * other.gradient - of.gradient).norm()) <= CLOSE * float(of.gradient.norm())


def entropy_of(of: Sample, first: Fit) -> tuple[float | None, list[str]]:
    """How much of the teacher's entropy the value has on top; None where value and gradient do not belong together."""
    student, teacher = of.given.student_logits.double(), of.given.teacher_logits.double()
    mine, theirs = first.temperatures
    rows = first.family.formula(student / mine, teacher / theirs, first.beta)
    value = float((first.kd * rows).sum().detach())
    if first.labels:
        value += float((first.ce * first.on_labels(of.scale * student, of.given)).sum().detach())
    log_p = torch.log_softmax(teacher / theirs, dim=-1)
    entropy = float((first.kd * -(log_p.exp() * log_p).sum(dim=-1)).sum())
    near = CLOSE * max(abs(value), abs(of.value)) + STRANGE
    if abs(of.value - value) <= near:
        return 0.0, []
    for share in (1.0, first.beta, 1 - first.beta):
        if abs(of.value - value - share * entropy) <= near:
            part = "" if share == 1 else f"{share:g} times "
            return share, [f"its value has {part}the teacher's entropy on top, a cross-entropy; its gradient has not"]
    return None, [
        f"{APART}: value {of.value:.6g}, that of its gradient {value:.6g}"
        + (f" ({of.value / value:.4g} times)" if value else "")
    ]


def row_loss(first: Fit, call: Call, entropy: float, student: Tensor, teacher: Tensor, of: Given) -> Tensor:
    """The loss of every row in float64, with as much of the teacher's entropy as the value was found to have."""
    given_beta = first.family.beta and call.betas() and call.form.beta != ""
    beta = of.beta if given_beta else first.beta
    t = 1.0 if first.family.plain else of.temperature
    rows = first.family.formula(student / t, teacher / t, beta)
    if entropy:
        share = {first.beta: beta, 1 - first.beta: 1 - beta}.get(entropy, entropy) if given_beta else entropy
        log_p = torch.log_softmax(teacher / t, dim=-1)
        rows = rows - share * torch.where(log_p.exp() > 0, log_p.exp() * log_p, 0.0).sum(dim=-1)
    return rows


def by_doubling(call: Call, of: Sample) -> Reduction:
    """Whether a loss is a sum or a mean, where nothing else is known: what twice the same sequences give."""
    labels = None if of.given.labels is None else torch.cat([of.given.labels] * 2)
    student, teacher = (torch.cat([x.detach()] * 2) for x in (of.given.student_logits, of.given.teacher_logits))
    twice = replace(of.given, student_logits=student, teacher_logits=teacher, labels=labels)
    try:
        value = sample(call, twice).value
    except Exception:
        return Reduction.MEAN
    return Reduction.SUM if abs(value - 2 * of.value) <= CLOSE * abs(of.value) else Reduction.MEAN


def by_parts(call: Call, of: Sample, *, shift: bool) -> Reduction:
    """What a loss that no formula explains divides by, told from each sequence alone and all of them together.

    BATCH where every sequence weighs the same, whatever is done inside one; MEAN where nothing fits.
    """
    rows = counted(Contract(shift=shift), of.given)
    parts = []
    try:
        for i in range(len(rows)):
            labels = None if of.given.labels is None else of.given.labels[i : i + 1]
            student, teacher = (x.detach()[i : i + 1] for x in (of.given.student_logits, of.given.teacher_logits))
            one = replace(of.given, student_logits=student, teacher_logits=teacher, labels=labels)
            parts.append(sample(call, one).value)
    except Exception:
        return by_doubling(call, of)
    values, counts = torch.tensor(parts), rows.sum(dim=1)
    fitting = {
        Reduction.MEAN: float((values * counts).sum() / counts.sum()),
        Reduction.SUM: float(values.sum()),
        Reduction.BATCH: float(values.mean()),
    }
    near = CLOSE * abs(of.value) + STRANGE
    return next((name for name, value in fitting.items() if abs(value - of.value) <= near), Reduction.MEAN)
