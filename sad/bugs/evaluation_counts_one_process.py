"""The evaluation's loss is summed over the group and divided by the labels of one process

## Symptom
The evaluation's loss is as many times the training loss as there are processes in the group.

## Mechanism
A text is spread over several devices, each of which has some of its labels. The summed loss is added over the group;
the count that it is divided by is the device's own. Shown in processes joined by gloo: the sum is reduced over
them, the count is not.

## What its documented fix did
It adds the count over the group too. Training was never wrong: it is given the count of the whole step.

## Fix
Sums and counts travel together: `reduce` in `sad/evaluate.py` gets one table of totals with both in it.

## Source
modelscope/ms-swift 9152; the same in huggingface/transformers 48167.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F

from sad.bug import Bug
from sad.invariants.token_weighted import token_weighted
from sad.shipped.metric import metric
from sad.subjects.metric import LM_LOSS, Metric, Scored
from sad.subjects.together import added, together

IGNORED = -100


def buggy() -> Metric:
    """A sum of all, by the count of the first."""
    return together(_by_own_count)


fixed = metric
"""The evaluation of the training loop."""


def _by_own_count(batches: Sequence[Scored]) -> Mapping[str, float]:
    summed = added(torch.tensor(sum(_nats(batch) for batch in batches), dtype=torch.float64))
    mine = sum(int((batch.labels[:, 1:] != IGNORED).sum()) for batch in batches)
    return {LM_LOSS: float(summed) / mine}


def _nats(batch: Scored) -> float:
    rows, labels = batch.student_logits[:, :-1].flatten(0, 1), batch.labels[:, 1:].flatten()
    return float(F.cross_entropy(rows, labels, ignore_index=IGNORED, reduction="sum"))


BUG = Bug("V705", "evaluation-counts-one-process", __doc__, (token_weighted,), buggy, fixed, covers=("W04",))
