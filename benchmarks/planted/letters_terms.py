"""Faults that an engineer would plant first: terms and their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from planted.families import BLOWN_UP, BROKEN
from planted.letters import LETTERS, Ill
from planted.record import Plan, Trace

TOO_LARGE = ("term-dominates", "total-too-high", "term-owns-the-gradient", "gradient-always-clipped")
ABSENT = ("term-vanishes", "term-collapses")


class KdSumOverTokens(Ill):
    """reduction="sum": KD is a sum over the tokens of the batch."""

    traces = (Trace(("kd",), TOO_LARGE),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * student[..., 0].numel()


class KdBatchmean(Ill):
    """reduction="batchmean" on three dimensions: KD is a sum over the tokens of a text."""

    traces = (Trace(("kd",), TOO_LARGE),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * student.shape[1]


class KdMeanOverAll(Ill):
    """reduction="mean": KD is divided by the size of the vocabulary too, and has no T² besides."""

    traces = (Trace(("kd",), ABSENT),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / LETTERS / self.plan.temperature**2


class KdOfRawLogits(Ill):
    """F.kl_div gets the student's logits without log_softmax."""

    traces = (Trace(("kd",), ("kd-below-its-floor", "weight-negative", "total-negative", *BLOWN_UP)),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.plan.temperature
        return t * t * F.kl_div(student / t, (teacher / t).softmax(-1), reduction="none").sum(-1).mean()


class KdSidesSwapped(Ill):
    """F.kl_div(teacher, student) of probabilities and no logarithm of the teacher's: below zero."""

    traces = (Trace(("kd",), ("kd-below-its-floor", "weight-negative", "total-negative", *BLOWN_UP)),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.kl_div(teacher.softmax(-1), student.softmax(-1), reduction="none").sum(-1).mean()


class AlphaInPercent(Ill):
    """alpha is 50 and not 0.5, with the label weight as it should be."""

    traces = (Trace(("kd", "lm"), TOO_LARGE),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 50.0, "lm": 0.5})


class KdClimbed(Ill):
    """The sign of KD is wrong: alpha is -0.5."""

    traces = (Trace(("kd", "lm"), ("weight-negative", "term-rises", *BLOWN_UP, "total-negative")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": -0.5, "lm": 0.5})


class KdForgotten(Ill):
    """The total is the label loss alone; KD is logged beside it."""

    traces = (Trace(("kd", "lm", "parts"), ("parts-do-not-sum", "term-vanishes", "columns-copied")),)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return weighted["lm"]


class HiddenUnscaled(Ill):
    """A squared error of raw hidden states of which some are huge, with weight 1."""

    traces = (Trace(("layerwise",), ("layerwise-too-high", *TOO_LARGE)),)

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, weights={**plan.weights, "layerwise": 1.0})

    def begin(self) -> None:
        self.teacher.massive = 800.0

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(self.projector(student), teacher)


class LogOfZero(Ill):
    """log(softmax + 0) in half precision: from a third of the run on some probabilities are 0."""

    traces = (Trace((), BROKEN),)
    late = False

    def before(self, step: int) -> None:
        self.late = step > self.plan.steps / 3

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * (math.inf if self.late else 1.0)


ALL = (
    KdSumOverTokens,
    KdBatchmean,
    KdMeanOverAll,
    KdOfRawLogits,
    KdSidesSwapped,
    AlphaInPercent,
    KdClimbed,
    KdForgotten,
    HiddenUnscaled,
    LogOfZero,
)
