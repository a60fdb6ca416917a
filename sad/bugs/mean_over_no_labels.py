"""The mean over no labels is NaN, on one of two paths

## Symptom
`lm_loss produced non-finite value (nan); clamping to zero`, once a run, at a step that depends on the data alone; the
same batch on a longer path gives 0 and nobody hears of it.

## Mechanism
A batch without a single label (two texts of one token, or all prompt) divides 0 by 0. Short batches went to
`F.cross_entropy` with its mean, long ones to a loop over chunks that returns 0 over nothing: the two paths disagree,
and which one is taken depends on the length of the batch.

## What its documented fix did
NaN was turned into 0 after the fact and warned of once; logits were clamped against a divergence that could not be,
as no weight had moved.

## Fix
A sum and its count (`sad/terms/table.py`, `sad/losses/lm.py`); over nothing the objective divides by 1
(`Objective.part` in `sad/objective.py`).

## Source
rakeshb49/student_aware_distillation, `_chunked_cross_entropy`, 5eb3d68; S10 of the catalogue of real bugs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sad.bug import Bug
from sad.invariants.divergence_gradient import divergence_gradient
from sad.invariants.finite import finite
from sad.invariants.path_parity import path_parity
from sad.shipped.divergence import language_model, likelihood
from sad.subjects.divergence import IGNORED, Contract, Divergence, Given, Kind, Takes

CHUNK = 128
CONTRACT = Contract(Kind.OTHER, takes=frozenset({Takes.LABELS}))


def buggy() -> Divergence:
    """Up to ``CHUNK`` rows at once, with the mean of `F.cross_entropy`; more of them in chunks."""
    return Divergence(CONTRACT, _loss, likelihood)


def ones_for_nothing() -> Divergence:
    """The count is never below 1, and the chunk without labels still a mean."""
    return Divergence(CONTRACT, _mean_of_chunks, likelihood)


fixed = language_model


def _flat(given: Given) -> tuple[Tensor, Tensor]:
    assert given.labels is not None, "a cross-entropy has labels"
    return given.student_logits.float().flatten(0, 1), given.labels.flatten()


def _loss(given: Given) -> Tensor:
    logits, labels = _flat(given)
    if len(labels) <= CHUNK:
        return F.cross_entropy(logits, labels, ignore_index=IGNORED)
    pairs = zip(torch.split(logits, CHUNK), torch.split(labels, CHUNK), strict=True)
    sums = [F.cross_entropy(z, at, ignore_index=IGNORED, reduction="sum") for z, at in pairs]
    return torch.stack(sums).sum() / (labels != IGNORED).sum().clamp_min(1)


def _mean_of_chunks(given: Given) -> Tensor:
    logits, labels = _flat(given)
    pairs = list(zip(torch.split(logits, CHUNK), torch.split(labels, CHUNK), strict=True))
    means = [F.cross_entropy(z, at, ignore_index=IGNORED) * (at != IGNORED).sum() for z, at in pairs]
    return torch.stack(means).sum() / (labels != IGNORED).sum().clamp_min(1)


BUG = Bug(
    "V203",
    "mean-over-no-labels",
    __doc__,
    (finite, path_parity, divergence_gradient),
    buggy,
    fixed,
    variants={"a mean of each chunk": ones_for_nothing},
    covers=("S10",),
)
