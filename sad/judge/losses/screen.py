"""Holds one gradient against many formulas at once: which of them can explain it is told before any is fitted."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from sad.judge.losses.families import Family
from sad.judge.losses.sample import Sample, label_slope, slope_of

Entry = tuple[Family, float]
"""A formula, and its beta."""


def screened(
    of: Sample,
    entries: tuple[Entry, ...],
    temperatures: tuple[float, float],
    labels: str = "",
    *,
    heat: float = 1.0,
    smoothed: bool = False,
) -> Float[Tensor, " entries"]:
    """Return what each formula leaves unexplained, as :func:`sad.judge.losses.sample.fit` has it; or infinity.

    What a label loss on these rows could explain, with ``smoothed`` at any share of the uniform target, is left out.
    """
    student, teacher = (x.detach().double().numpy() for x in (of.given.student_logits, of.given.teacher_logits))
    slopes = _slopes(entries, temperatures, student.tobytes(), teacher.tobytes(), student.shape)
    own, gradient = slopes, of.gradient
    if labels:
        parts = [label_slope(of, labels, share, heat) for share in ((0.0, 1.0) if smoothed else (0.0,))]
        columns = torch.stack(parts, dim=-1)
        beside = columns @ torch.linalg.pinv(columns)
        own = slopes - (beside @ slopes[..., None])[..., 0]
        gradient = gradient - (beside @ gradient[..., None])[..., 0]
    size = own.square().sum(dim=-1)
    # where a row of it is a label loss's too it explains nothing by itself
    amounts = torch.where(size > 1e-24, (own * gradient).sum(dim=-1) / size, 0.0)
    left = (gradient - amounts[..., None] * own).flatten(1).norm(dim=1)
    part = (amounts[..., None] * slopes).flatten(1).norm(dim=1)
    residual = torch.where(part > 0, left / part, torch.inf)
    return torch.where(residual.isnan(), torch.inf, residual)


@lru_cache(maxsize=64)
def _slopes(
    entries: tuple[Entry, ...],
    temperatures: tuple[float, float],
    student: bytes,
    teacher: bytes,
    shape: tuple[int, ...],
) -> Float[Tensor, "entries batch length vocab"]:
    """The gradients of all of them: every form of a loss is held against the same."""
    own, other = (torch.frombuffer(bytearray(b), dtype=torch.float64).view(shape) for b in (student, teacher))
    return torch.stack([slope_of(own, other, family, beta, temperatures) for family, beta in entries])
