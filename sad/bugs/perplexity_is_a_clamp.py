"""The perplexity is a clamp: exp of the smaller of the total loss and 20

## Symptom
Every evaluation prints `ppl: 485165195.41`, which is exp(20), while the loss beside it is 51.7 or 28.4. In another
run it is 2.05e+12, which is exp(28.35), again of the total.

## Mechanism
`exp(min(loss, 20))`, where the loss is the weighted sum of all terms, averaged over batches as if each had as many
labels. It says nothing of the language model, and above 20 nothing at all.

## What its documented fix did
It explained: a warning that the loss is too high for a meaningful perplexity (capped at 20), and the same number.
With the cap taken away it is still exp of the total, so it moves with the weights of the other terms.

## Fix
exp of the negative log-likelihood summed over every held-out label and divided by their number; infinite where a
float ends (`sad/evaluate.py`). Across tokenizers bits per byte compare, perplexities do not.

## Source
rakeshb49/student_aware_distillation, utils/training.py; S03 of the catalogue of real bugs. Means of batches' values:
keras-hub 2958, torcheval 154, transformer-xl 131.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from sad import evaluate
from sad.batch import LM, Batch
from sad.bug import Bug
from sad.distiller import Distiller
from sad.invariants.metric_meaning import Evaluate, Reported, metric_meaning
from sad.objective import Objective

CAP = 20.0


def buggy() -> Evaluate:
    """exp of the capped mean of the batches' total losses."""
    return lambda *given: Reported(math.exp(min(_mean(_total, *given), CAP)))


def without_the_cap() -> Evaluate:
    """The total again, as it is."""
    return lambda *given: Reported(_exp(_mean(_total, *given)))


def mean_of_batches() -> Evaluate:
    """The right loss, but averaged over batches as if each had as many labels."""
    return lambda *given: Reported(_exp(_mean(_labels, *given)))


def fixed() -> Evaluate:
    """The evaluation of the training loop."""

    def shipped(distiller: Distiller, batches: Sequence[Batch], objective: Objective) -> Reported:
        scores = evaluate.evaluate(distiller, batches, objective)
        return Reported(scores.likelihood.perplexity, scores.likelihood.bits_per_byte, scores.kl)

    return shipped


def _exp(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf


def _total(means: dict[str, float], objective: Objective) -> float:
    return sum(objective.weights[name] * mean for name, mean in means.items())


def _labels(means: dict[str, float], _: Objective) -> float:
    return means[LM]


@torch.no_grad()
def _mean(
    of: Callable[[dict[str, float], Objective], float],
    distiller: Distiller,
    batches: Sequence[Batch],
    objective: Objective,
) -> float:
    found = []
    for batch in batches:
        sums = distiller(batch, distiller.ask_teacher(batch))
        found.append(of({name: float(one.total) / one.units for name, one in sums.items()}, objective))
    return sum(found) / len(found)


BUG = Bug(
    "V105",
    "perplexity-is-a-clamp",
    __doc__,
    (metric_meaning,),
    buggy,
    fixed,
    {"the cap taken away": without_the_cap},
    variants={"a mean over batches": mean_of_batches},
    covers=("S03",),
)
