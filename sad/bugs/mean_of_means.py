"""The mean of the micro-batches' means

## Symptom
The same texts in the same step give another gradient when they are cut into other micro-batches: 4 texts of 4, 30, 9
and 18 labels moved the weights by 103% of the right change. Loss curves differ for runs of equal effective batch, and
short texts weigh as much as long ones.

## Mechanism
The loss of a micro-batch is its mean over its own labels, and the step divides the sum of those means by the number of
micro-batches. That is the mean over all labels only where every micro-batch has as many of them.

## What its documented fix did
Trainers count the labels of the whole window before the first forward pass and hand the count to the loss. That is
right on one process, for losses that use what they are handed. Distillation losses took the count and ignored it; the
trainer saw that they take it, and no longer divided by the accumulation either: a sum of means. The same mean came back
over processes.

## Fix
A term is a sum and a count; the loss divides once, by the count of the whole step over all micro-batches and processes
(`sad/train/step.py`, `sad/objective.py`).

## Source
huggingface/transformers#34191 (named in #34242), fixed in 4.46; pytorch/torchtune#1875 and #1917;
huggingface/trl#6006, issue #4719; NVIDIA-NeMo/RL#266. X01, K05, T03 and R03 of the catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sad.bug import Bug
from sad.invariants.split_invariance import split_invariance
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import KD, LM, MicroBatch, PlainLoop, Process
from sad.subjects.trainer import Trainer


class _MeanOfMeans(PlainLoop):
    """Each micro-batch's own mean, divided by the accumulation."""

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        super().loss(process, texts, window)
        means = self._means(process, texts)
        return torch.stack([self.term_weights()[name] * mean for name, mean in means.items()]).sum() / len(window)

    def _means(self, process: Process, texts: Sequence[int]) -> Mapping[str, Tensor]:
        own = max(1, self.labels([[texts]]))
        return {name: value / own for name, value in self.summed(process, texts).items()}


class _RunningMeans(_MeanOfMeans):
    """A recipe that logs the sum of what it trains on: the log agrees with the fault."""

    def raw(self) -> dict[str, float]:
        own = self.processes[0]
        means = [{n: v / max(1, count) for n, v in s.items()} for s, count in zip(own.sums, own.counts, strict=True)]
        return {name: sum(mean[name] / len(means) for mean in means) for name in means[0]}


class _CountIgnored(PlainLoop):
    """The trainer hands the count of the window to the loss, and so divides by nothing itself; the distillation loss
    takes the count and does not use it.
    """

    def loss(self, process: Process, texts: Sequence[int], window: Sequence[MicroBatch]) -> Tensor:
        super().loss(process, texts, window)
        sums, weight = self.summed(process, texts), self.term_weights()
        kd = self._distillation(sums[KD], self.labels([[texts]]), num_items_in_batch=self.labels(window))
        lm = sums[LM] / self.labels(window) * self.setup.processes
        return weight[KD] * kd + weight[LM] * lm

    def _distillation(self, summed: Tensor, labels: int, *, num_items_in_batch: int) -> Tensor:  # noqa: ARG002
        return summed / max(1, labels)


class _AveragedMetrics(PlainLoop):
    """Gradients as they should be; each metric of the step is the mean of the micro-batches' metrics."""

    def raw(self) -> dict[str, float]:
        every = [one for process in self.processes for one in zip(process.sums, process.counts, strict=True)]
        return {name: float(np.mean([sums[name] / max(1, count) for sums, count in every])) for name in every[0][0]}


class _AveragedLossesAndMetrics(_AveragedMetrics, _MeanOfMeans):
    """Losses and metrics of micro-batches averaged, each normalised by its own mask."""


def buggy() -> Trainer:
    """A trainer that divides by the accumulation."""
    return _MeanOfMeans()


def recipe() -> Trainer:
    """A recipe that logs what it adds up."""
    return _RunningMeans()


def count_ignored() -> Trainer:
    """A distillation loss that ignores the count."""
    return _CountIgnored()


def averaged() -> Trainer:
    """Losses and metrics averaged over micro-batches."""
    return _AveragedLossesAndMetrics()


def metrics_averaged() -> Trainer:
    """Only the metrics averaged: what is left when the losses alone are mended."""
    return _AveragedMetrics()


fixed = shipped_trainer

VARIANTS = {
    "a recipe that logs its running mean": recipe,
    "a distillation loss that ignores the count": count_ignored,
    "losses and metrics averaged": averaged,
    "only the metrics averaged": metrics_averaged,
}

BUG = Bug(
    "V401",
    "mean-of-means",
    __doc__,
    (split_invariance,),
    buggy,
    fixed,
    variants=VARIANTS,
    covers=("X01", "K05", "T03", "R03"),
)
