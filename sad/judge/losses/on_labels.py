"""How much of a loss on labels is in each row of a gradient, and whether a loss is of labels alone."""

from __future__ import annotations

import torch

from sad.judge.losses.call import Call
from sad.judge.losses.families import FORWARD
from sad.judge.losses.sample import ACCEPTED, Fit, Sample, label_rows, label_slope
from sad.judge.roles import Role
from sad.subjects.divergence import IGNORED

NONE = 1e-9
"""Of the largest amount: what float noise leaves of a row without any."""


def on_labels(of: Sample, rows: str) -> Fit | None:
    """How much of the label loss, smoothed or not, is in each row; None where that leaves part of the gradient over."""
    counts = label_rows(of.given, rows) != IGNORED
    columns = torch.stack([label_slope(of, rows, share) for share in (0.0, 1.0)], dim=-1)
    amounts = (torch.linalg.pinv(columns) @ of.gradient[..., None])[..., 0]
    left = of.gradient - (columns @ amounts[..., None])[..., 0]
    norm = float(of.gradient.norm())
    if not (norm > 0 and float(left.norm()) <= ACCEPTED * norm):
        return None
    whole = torch.where(counts, amounts.sum(dim=-1), 0.0)
    if bool((whole < -NONE * float(whole.abs().max())).any()):
        return None
    return Fit(FORWARD, 0.5, whole, torch.zeros_like(whole), 0.0, rows)


def of_labels_alone(of: Sample, call: Call) -> bool:
    """Whether it is given no teacher, and its gradient is that of a loss on labels: then no other form is the right
    one.
    """
    if of.given.labels is None or not of.attached or call.takes(Role.TEACHER, Role.TEACHER_MODEL, Role.MODEL):
        return False
    return any(on_labels(of, rows) is not None for rows in ("own", "next"))
