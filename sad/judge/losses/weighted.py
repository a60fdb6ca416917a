"""Rows weighted by a number of the student's own whose gradient flows: it is trained to change its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from sad.judge.losses.families import RIGHT, Family
from sad.judge.losses.sample import ACCEPTED, Sample, label_rows, slope_of, used
from sad.subjects.divergence import Given

CLOSE = 1e-3
"""Relative: between the value and that of the weighted rows."""
SHARE = 1e-3
"""Of the gradient's norm: what the weight must have of it."""
Feature = Callable[[Tensor, Tensor], Float[Tensor, "batch length"]]
"""Student's and teacher's logits [batch, length, vocab] -> a number of every row."""


class Weighted(NamedTuple):
    """Which divergence, weighted by a function of what, and the share of the gradient's norm that is the weight's."""

    family: Family
    feature: str
    share: float
    gap: bool
    """The weight is of the distance to the teacher: it is least where the two are equal."""


def undetached(of: Sample, betas: tuple[float, ...]) -> Weighted | None:
    """Return the weight whose gradient flows; None where that does not explain the loss.

    Of w(f) D the gradient is w times that of D, and D times w' times that of f: whatever the function w, both parts
    must be found in every row, and the weighted rows must add up to the value.
    """
    student, teacher = (x.detach().double() for x in (of.given.student_logits, of.given.teacher_logits))
    for family in RIGHT:
        for beta in betas if family.beta else betas[:1]:
            slope = slope_of(student, teacher, family, beta, (1.0, 1.0))
            rows = family.formula(student, teacher, beta)
            for name, (feature, gap) in (FEATURES | _of_labels(of.given)).items():
                other = _slope(feature, student, teacher)
                columns = torch.stack([slope, other], dim=-1)
                amounts = (torch.linalg.pinv(columns) @ of.gradient[..., None])[..., 0]
                left = of.gradient - (columns @ amounts[..., None])[..., 0]
                if not float(left.norm()) <= ACCEPTED * float(of.gradient.norm()):
                    continue
                value = float((amounts[..., 0] * rows).sum())
                some = used(of.gradient.norm(dim=-1))
                share = float((amounts[..., 1:] * other).norm() / of.gradient.norm())
                # where it is clipped a weight has no gradient of its own
                moving = used(amounts[..., 1])[some]
                moves = share > SHARE and bool(moving.any() if name in BY_LABELS else moving.all())
                if moves and abs(value - of.value) <= CLOSE * abs(of.value):
                    return Weighted(family, name, share, gap)
    return None


def _slope(feature: Feature, student: Tensor, teacher: Tensor) -> Tensor:
    own = student.clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(feature(own, teacher).sum(), own)
    return slope


def _entropy(student: Tensor, _: Tensor) -> Tensor:
    log_q = student.log_softmax(dim=-1)
    return -(log_q.exp() * log_q).sum(dim=-1)


def _confidence(student: Tensor, _: Tensor) -> Tensor:
    return student.softmax(dim=-1).amax(dim=-1)


def _apart(student: Tensor, teacher: Tensor) -> Tensor:
    return (student.softmax(dim=-1) - teacher.softmax(dim=-1)).abs().sum(dim=-1)


def _squared(student: Tensor, teacher: Tensor) -> Tensor:
    return (student.softmax(dim=-1) - teacher.softmax(dim=-1)).pow(2).sum(dim=-1)


def _on_the_likeliest(student: Tensor, teacher: Tensor) -> Tensor:
    at = teacher.argmax(dim=-1, keepdim=True)
    return student.softmax(dim=-1).gather(-1, at)[..., 0]


def _of_labels(given: Given) -> dict[str, tuple[Feature, bool]]:
    """The student's probability of each row's label, its own or the next: importance ratios are functions of it."""
    if given.labels is None:
        return {}

    def of(rows: str) -> Feature:
        at = label_rows(given, rows).clamp_min(0)[..., None]
        return lambda student, _: student.log_softmax(dim=-1).gather(-1, at)[..., 0]

    return {name: (of(rows), False) for name, rows in BY_LABELS.items()}


BY_LABELS = {
    "the student's probability of the label": "own",
    "the student's probability of the next label": "next",
}
FEATURES: dict[str, tuple[Feature, bool]] = {
    "the student's entropy": (_entropy, False),
    "the student's largest probability": (_confidence, False),
    "the student's probability of the teacher's likeliest token": (_on_the_likeliest, False),
    "the distance between the probabilities": (_apart, True),
    "the squared distance between the probabilities": (_squared, True),
}
"""What rows are weighted by, and whether that is least where student equals teacher."""
