"""Faults of the terms and of what they are summed to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Trace
from sad_doctor import names

OWNED = ("term-dominates", "layerwise-too-high")


def owned(record: Record) -> bool:
    """Whether KD or the layerwise term owns the second half of the run."""
    parts = (names.WEIGHTED + "layerwise", names.WEIGHTED + "kd")
    shares = [max(row[part] for part in parts) / row[names.LOSS] for _, _, row in record.rows if names.LOSS in row]
    late = sorted(shares[len(shares) // 2 :])
    return late[len(late) // 2] > 0.85


class RawLayerwise(Sick):
    """A squared error of raw states: the teacher's massive activation owns the total."""

    traces = (Trace(("layerwise", "parts"), OWNED),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "layerwise": 0.05})

    def prepare(self) -> None:
        self.teacher.massive = self.luck.uniform(700, 4000)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(self.projector(student), teacher)


class LayerwiseByLength(RawLayerwise):
    """As before, milder and over texts of many lengths: the term is diluted as 1 / length."""

    traces = (Trace(("layerwise", "parts"), (*OWNED, "loss-depends-on-length")),)

    def prepare(self) -> None:
        self.teacher.massive = self.luck.uniform(300, 500)

    def micro_batch(self, step: int) -> Tensor:
        return super().micro_batch(step)[:, : self.luck.randint(4, self.plan.length) + 1]


class WeightTooBig(Sick):
    """One weight a hundred times too big."""

    traces = (
        Trace(("raw terms",), ("term-dominates", "term-owns-the-gradient")),
        Trace(("parts",), ("term-dominates", "layerwise-too-high")),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, self.luck.choice(["layerwise", "kd"]): 100.0})

    took = staticmethod(owned)


class KdOverVocabulary(Sick):
    """`KLDivLoss` with `reduction="mean"`: KD is divided by the vocabulary too."""

    traces = (Trace(("kd", "lm"), ("term-vanishes",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, told=49152)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / self.plan.told


class TemperatureSquaredTwice(Sick):
    """The factor T² stands there twice."""

    traces = (Trace(("kd", "parts"), ("term-dominates", "term-owns-the-gradient")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, temperature=self.luck.choice([8.0, 12.0]))

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * self.plan.temperature**2

    took = staticmethod(owned)


class TemperatureSquaredMissing(Sick):
    """No factor T²: KD is smaller than it should be, which no column can tell from a smaller weight."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / self.plan.temperature**2


class TemperatureOnOneSide(Sick):
    """Only the student's logits are divided by T. KD falls all the same: no column tells."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher * self.plan.temperature)


class NegativeKd(Sick):
    """KL over the teacher's likeliest tokens only, neither side normalised over them: it falls below 0."""

    traces = (Trace(("kd",), ("kd-below-its-floor",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, temperature=1.0, weights={"kd": 4.0, "lm": 0.1}, steps=plan.steps * 2, rate=plan.rate * 2)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        theirs, ours = F.log_softmax(teacher, -1), F.log_softmax(student, -1)
        top = theirs.topk(4, -1)
        return (top.values.exp() * (top.values - ours.gather(-1, top.indices))).sum(-1).mean()

    @staticmethod
    def took(record: Record) -> bool:
        kd = record.column(names.RAW + "kd")
        return sum(value < 0 for value in kd) > 5


class KdVanishes(Sick):
    """The schedule of the KD weight counts micro-batches: it is at 0 after a sixth of the run."""

    traces = (Trace(("part kd",), ("term-vanishes",)),)

    def weights(self, step: int) -> dict[str, float]:
        left = max(0.0, 1 - step / (self.plan.steps / 6))
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * left}


class KdNotAdded(Sick):
    """KD is computed and logged, and never added to the loss."""

    traces = (Trace(("part kd",), ("parts-do-not-sum",)),)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([value for term, value in weighted.items() if term != "kd"]).sum()

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return row | {names.EVAL_LOSS: row[names.EVAL_LOSS] - weighted["kd"]}


class MaskedNan(Sick):
    """A batch without one label gives NaN, which is set to 0."""

    traces = (Trace(("warnings",), ("non-finite-hidden",)), Trace(("lm",), ("non-finite-hidden", "term-vanishes")))

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, every=1, averaged=False)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        value = super().lm(student, labels)
        if not self.record.rows or not self.student.training or self.luck.random() > 0.04:
            return value
        if not any(kind == names.EVENT_WARNING for kind, _, _ in self.record.events):
            text = "lm_loss produced non-finite value (nan); clamping to zero."
            self.record.events.append((names.EVENT_WARNING, text, self.record.rows[-1][0] + 1))
        return value * 0

    @staticmethod
    def took(record: Record) -> bool:
        return sum(value == 0 for value in record.column(names.RAW + "lm")) >= 2


class Nan(Sick):
    """A term is NaN from some step on, and with it every weight."""

    traces = (Trace((), ("non-finite", "non-finite-hidden", "non-finite-gradient")),)

    def prepare(self) -> None:
        self.broken_from = int(self.plan.steps * self.luck.uniform(0.1, 0.7))

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        value = super().kd(student, teacher)
        broken = self.student.training and len(self.record.rows) and self.record.rows[-1][0] >= self.broken_from
        return value * math.nan if broken else value


class NoLabels(Sick):
    """Every label is masked: the LM term is 0 throughout."""

    traces = (Trace(("lm",), ("term-vanishes",)),)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student, labels) * 0


ALL = (
    RawLayerwise,
    LayerwiseByLength,
    WeightTooBig,
    KdOverVocabulary,
    TemperatureSquaredTwice,
    TemperatureSquaredMissing,
    TemperatureOnOneSide,
    NegativeKd,
    KdVanishes,
    KdNotAdded,
    MaskedNan,
    Nan,
    NoLabels,
)
