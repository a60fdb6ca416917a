"""A loss that a schedule moves is read as learning

## Symptom
"The loss fell from 21.5 to 15.7, the model is learning." Not one weight had moved. Early stopping ended one run at
12,500 batches and another at 22,000, just where the schedule of the weights said.

## Mechanism
The score by which evaluations are compared is the training objective, and the objective moves by itself: terms are
ramped up, the temperature falls, experts are added. The same weights score worse, or better, with every evaluation.

## What its documented fix did
Patience, temperature and weights were changed between runs, and the losses of the runs were compared.

## Fix
Evaluations are compared by the cross-entropy of the held-out text, which knows no schedule and no weight
(`sad/evaluate.py`); the objective's value is on record beside it, under its own name.

## Source
rakeshb49/student_aware_distillation, URGENT_FINDINGS.md, CRITICAL_ANALYSIS.md, KAGGLE_RUN_POSTMORTEM.md; S20 of the
catalogue of real bugs.
"""

from __future__ import annotations

import torch

from sad.bug import Bug
from sad.invariants.score_knows_no_schedule import score_knows_no_schedule
from sad.shipped.trainer import shipped_trainer
from sad.subjects.plain.loop import LM, PlainLoop
from sad.subjects.trainer import Trainer


class _ScoredByObjective(PlainLoop):
    @torch.no_grad()
    def score(self) -> float:
        every = range(len(self.texts))
        sums, weight = self.summed(self.processes[0], every), self.term_weights()
        return sum(weight[name] * float(value) for name, value in sums.items()) / self.labels([[every]])


class _ScoredByTrainingLoss(PlainLoop):
    def score(self) -> float:
        recent = self.log[-self.setup.eval_every :]
        return sum(line.loss for line in recent) / len(recent)


class _ScoredBySoftenedText(PlainLoop):
    @torch.no_grad()
    def score(self) -> float:
        every = range(len(self.texts))
        read = torch.cat([text[:-1] for text in self.texts])
        label = torch.cat([text[1:] for text in self.texts])
        softened = self.forward(self.processes[0], read) / self.temperature()
        return float(torch.nn.functional.cross_entropy(softened, label, reduction="sum")) / self.labels([[every]])


def buggy() -> Trainer:
    """The objective of the moment, on the held-out text."""
    return _ScoredByObjective()


def training_loss() -> Trainer:
    """The mean of the training losses since the last evaluation."""
    return _ScoredByTrainingLoss()


def softened() -> Trainer:
    """The cross-entropy of the text, at the temperature of the moment."""
    return _ScoredBySoftenedText()


fixed = shipped_trainer

BUG = Bug(
    "V412",
    "schedule-read-as-learning",
    __doc__,
    (score_knows_no_schedule,),
    buggy,
    fixed,
    variants={"the training loss": training_loss, f"{LM} at the temperature of the moment": softened},
    covers=("S20",),
)
