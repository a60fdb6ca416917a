"""Entropy and accuracy are means over processes, of masks that are not shifted

## Symptom
The same model on the same texts has another accuracy on four devices than on one.

## Mechanism
Each process takes the mean over its own labels, and the means are averaged as if each process had as many (shown in
processes joined by gloo, with real reductions between them). The mask
says which tokens are labels (or no padding); it is applied to the rows as it stands, although row i is judged by label
i + 1. So the place before each completion is left out, and its last one, which predicts nothing, is counted.

## What its documented fix did
It shifts the mask, takes that of the labels, and gathers sums and counts.

## Fix
An evaluation adds sums and counts over all processes and divides once (`evaluate` in `sad/evaluate.py`). It reports no
entropy and no accuracy; agreement, divergence and loss go the same way and are judged.

## Source
huggingface/trl 5620 and 4038.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.token_weighted import token_weighted
from sad.shipped.metric import metric
from sad.subjects.metric import ACCURACY, ENTROPY, Metric, Scored
from sad.subjects.together import added, size, together

IGNORED = -100


def buggy() -> Metric:
    """Both faults."""
    return together(partial(_mean_of_means, shift=False))


def shifted() -> Metric:
    """The mask is shifted; the means are averaged."""
    return together(partial(_mean_of_means, shift=True))


def not_shifted() -> Metric:
    """Sums and counts are added; the mask is not shifted."""
    return together(_of_sums)


fixed = metric
"""The evaluation of the training loop."""


def _mean_of_means(batches: Sequence[Scored], *, shift: bool) -> Mapping[str, float]:
    sums = torch.stack([_sums(batch, shift=shift) for batch in batches]).sum(0)
    accuracy, entropy = (added(sums[:2] / sums[2]) / size()).tolist()
    return {ACCURACY: accuracy, ENTROPY: entropy}


def _of_sums(batches: Sequence[Scored]) -> Mapping[str, float]:
    sums = added(torch.stack([_sums(batch, shift=False) for batch in batches]).sum(0))
    return {ACCURACY: float(sums[0] / sums[2]), ENTROPY: float(sums[1] / sums[2])}


def _sums(batch: Scored, *, shift: bool) -> Tensor:
    """Labels ranked first, entropy, and how many were counted."""
    log_q = batch.student_logits[:, :-1].log_softmax(-1)
    kept = (batch.labels[:, 1:] if shift else batch.labels[:, :-1]) != IGNORED
    right = log_q.argmax(-1) == batch.labels[:, 1:]
    entropy = -(log_q.exp() * log_q).sum(-1)
    return torch.stack([(right & kept).sum(), (entropy * kept).sum(), kept.sum()])


BUG = Bug(
    "V703",
    "mean-over-processes",
    __doc__,
    (token_weighted,),
    buggy,
    fixed,
    variants={"a mask that is shifted": shifted, "sums, with a mask that is not": not_shifted},
    covers=("T15",),
)
