"""Perplexity is a mean of means: of the losses of batches, or of their perplexities

## Symptom
5.7 where it is 6.1; another batch size gives another perplexity, and so does another order of the texts.

## Mechanism
A batch of 3 labels counts as much as one of 40. Averaged perplexities are further off: exp grows faster than its
argument, so that one hard batch owns the mean.

## What its documented fix did
It keeps the summed loss and the number of tokens, and divides once.

## Fix
exp of the negative log-likelihood, summed over every label and divided by their number (`Likelihood` in
`sad/evaluate.py`).

## Source
keras-hub 2958; torcheval 154; transformer-xl 131; neuralconvo 67.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch.nn.functional as F

from sad.bug import Bug
from sad.invariants.token_weighted import token_weighted
from sad.shipped.metric import metric
from sad.subjects.metric import PERPLEXITY, Metric, Scored

IGNORED = -100


def buggy() -> Metric:
    """A mean of the batches' perplexities."""

    def told(processes: Sequence[Sequence[Scored]]) -> dict[str, float]:
        each = [math.exp(loss) for loss in _losses(processes)]
        return {PERPLEXITY: sum(each) / len(each)}

    return told


def exp_of_a_mean_of_means() -> Metric:
    """exp of the mean of the batches' losses."""

    def told(processes: Sequence[Sequence[Scored]]) -> dict[str, float]:
        each = list(_losses(processes))
        return {PERPLEXITY: math.exp(sum(each) / len(each))}

    return told


fixed = metric
"""The evaluation of the training loop."""


def _losses(processes: Sequence[Sequence[Scored]]) -> Iterator[float]:
    for batch in (batch for batches in processes for batch in batches):
        labels = batch.labels[:, 1:]
        if (labels != IGNORED).any():
            yield float(F.cross_entropy(batch.student_logits[:, :-1].flatten(0, 1), labels.flatten()))


BUG = Bug(
    "V704",
    "perplexity-is-a-mean",
    __doc__,
    (token_weighted,),
    buggy,
    fixed,
    variants={"losses averaged, not perplexities": exp_of_a_mean_of_means},
    covers=("F02",),
)
