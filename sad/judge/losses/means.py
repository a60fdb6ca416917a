"""A mean of means inside a sequence: rows weigh by how many of those in their own part count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from sad.judge.losses.sample import Fit, Loss, Sample, sample, used
from sad.subjects.divergence import IGNORED

EQUAL = 1e-4
"""Relative, between what two calls show: the same as for a divisor."""
Again = Callable[[Sample], Fit]
"""Fits one call as the first was fitted."""


def of_parts(loss: Loss, of: Sample, first: Fit, again: Again, *, shift: bool) -> str:
    """Say where parts of a sequence are averaged and those averages averaged again; '' where they are not.

    One row after the other loses its label. In a mean of any weights all the others then weigh the same times as much.
    In a mean of the means of parts (chunks, say) the m - 1 others of its part weigh m / (m - 1) times as much, and the
    rest of its sequence what it did.
    """
    labels = of.given.labels
    if labels is None:
        return ""
    told = ""
    for row, column in (labels != IGNORED).nonzero().tolist():
        place = column - shift
        if place < 0 or not bool(used(first.kd)[row, place]):
            continue
        fewer = labels.clone()
        fewer[row, column] = IGNORED
        after = again(sample(loss, replace(of.given, labels=fewer)))
        if not after.good:
            return ""
        others = used(first.kd)
        others[row, place] = False
        if not torch.equal(used(after.kd), others):
            return ""
        ratios = torch.where(others, after.kd / first.kd, 1.0)
        found = _part(ratios, others, row)
        if found is None:
            return ""
        told = told or found
    return told


def _part(ratios: Tensor, others: Tensor, row: int) -> str | None:
    """What one row less did: '' where it was all of its part or of its sequence, None where it is no mean of parts."""
    grown = others & ((ratios - 1).abs() > EQUAL)
    if not bool(grown.any()):
        return ""
    times, count = float(ratios[grown].mean()), int(grown.sum())
    if float((ratios[grown] - times).abs().max()) > EQUAL or abs(times - (count + 1) / count) > EQUAL:
        return None
    if bool(grown[row][others[row]].all()):
        return ""
    return (
        f"a mean of means: with one row less {count} of the {int(others.sum())} others weigh {times:.3g} times as much "
        "and the rest what they did, so a part with few rows that count weighs as much as a full one; sum all rows, "
        "and divide once"
    )
