"""The retention score falls with the length of the texts

## Symptom
"Knowledge retention" is negative. The same text four times in a row retains a quarter as much, or less than nothing.

## Mechanism
The score is 1 - KL, and the KL is `kl_div(…, reduction="batchmean")` of [batch, length, vocab]: summed over places and
divided by the number of texts alone, padding included. It grows with the length. The vocabularies were made equal by a
cut at an index.

## What its documented fix did
None is documented.

## Fix
KL(teacher || student) in nats, summed over the places that both models can be compared at and divided by their number
(`sad/evaluate.py`); never subtracted from 1, of which it is no part.

## Source
rakeshb49/student_aware_distillation, utils/evaluation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F

from sad.bug import Bug
from sad.invariants.token_weighted import token_weighted
from sad.shipped.metric import metric
from sad.subjects.metric import KL, Metric, Scored


def buggy() -> Metric:
    """Divided by the number of texts."""
    return lambda processes: _kl(processes, "batchmean")


def mean_over_all_places() -> Metric:
    """Divided by the number of all places, padding included."""
    return lambda processes: _kl(processes, "none")


fixed = metric
"""The evaluation of the training loop."""


def _kl(processes: Sequence[Sequence[Scored]], reduction: str) -> Mapping[str, float]:
    found = []
    for batch in (batch for batches in processes for batch in batches):
        log_q, log_p = batch.student_logits.log_softmax(-1), batch.teacher_logits.log_softmax(-1)
        divergence = F.kl_div(log_q, log_p, log_target=True, reduction=reduction)
        found.append(float(divergence if divergence.dim() == 0 else divergence.sum(-1).mean()))
    return {KL: sum(found) / len(found)}


BUG = Bug(
    "V701",
    "retention-falls-with-length",
    __doc__,
    (token_weighted,),
    buggy,
    fixed,
    variants={"a mean over all places": mean_over_all_places},
    covers=("S14",),
)
