"""Mainstream faults in a loop of one file: the terms, their weights, the targets, the texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planted.causes import TAUGHT_WRONG
from planted.families import BLOWN_UP, BROKEN, BY_HEART, OTHER_MEASURE, SET_BACK
from planted.record import Plan, Row, Trace
from planted.script import TOKENS, Faulty
from sad_doctor import names

LARGE = ("term-dominates", "total-too-high", "term-owns-the-gradient", "gradient-always-clipped")


class KdWeightOfHundred(Faulty):
    """KD's weight is 100 where 1 was meant."""

    traces = (Trace(("kd",), LARGE), Trace((), ("total-too-high", "gradient-always-clipped")))

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 100.0, "lm": 1.0})


class HotWithoutSquare(Faulty):
    """A temperature of 10, and no T²: KD is a hundredth of what it was meant to be."""

    traces = (Trace(("kd",), ("term-vanishes", "term-collapses")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), temperature=10.0, weights={"kd": 0.5, "lm": 0.5})

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / 100


class KdOfTheWholeBatch(Faulty):
    """KD is a sum over all tokens of a micro-batch, the label loss a mean."""

    traces = (Trace(("kd",), LARGE), Trace((), ("total-too-high", "gradient-always-clipped", "worse-than-uniform")))

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * student[..., 0].numel()


class LabelsInPlace(Faulty):
    """Labels are the inputs and no shift is made: the student copies what it reads."""

    traces = (
        Trace(("lm",), (*BY_HEART, *TAUGHT_WRONG, "term-collapses")),
        Trace((), (*BY_HEART, "term-collapses", "total-too-high")),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 0.4, "lm": 0.6})

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, :-1]


class TeacherIdsPermuted(Faulty):
    """The teacher's vocabulary has the same tokens in another order."""

    traces = (Trace(("kd",), TAUGHT_WRONG), Trace((), ("early-plateau", "student-no-better", "learns-little")))

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 0.5, "lm": 0.5})

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits[..., torch.randperm(TOKENS, generator=torch.Generator().manual_seed(8))], states


class TeacherIsTrainedToo(Faulty):
    """The teacher's parameters are in the optimizer, and it is asked with gradients."""

    traces = (Trace(("kd",), (*TAUGHT_WRONG, "term-collapses", "term-vanishes")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 1.0, "lm": 0.2})

    def begin(self) -> None:
        self.teacher.requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        return [*super().parameters(), *self.teacher.parameters()]

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return self.teacher(ids)  # type: ignore[no-any-return]


class HiddenUnnormalised(Faulty):
    """A squared error of raw states, of which the teacher's have one huge feature, is added with weight 1."""

    traces = (
        Trace(("layerwise",), ("layerwise-too-high", *LARGE)),
        Trace((), ("total-too-high", "gradient-always-clipped", "worse-than-uniform")),
    )

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, weights={**plan.weights, "layerwise": 1.0})

    def begin(self) -> None:
        self.teacher.massive = 300.0

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(self.projector(student), teacher)


class TotalOfMicroBatches(Faulty):
    """Four micro-batches are added up and never divided: the total that is written, and the gradient, are four times
    what they should be.
    """

    traces = (
        Trace(("parts",), ("parts-do-not-sum", *OTHER_MEASURE)),
        Trace(("eval",), OTHER_MEASURE),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), accumulation=4, batch=2)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss

    def logged(self, row: Row, step: int) -> Row:
        return {**row, names.LOSS: self.plan.accumulation * row[names.LOSS]}


class NanAsZero(Faulty):
    """KD is NaN in a quarter of the batches; torch.nan_to_num makes the total 0 there, and nothing is said."""

    traces = (Trace((), (*BROKEN, "term-flickers")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), averaged=False, accumulation=1, batch=8, every=2)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        total = super().total(weighted)
        lost = self.student.training and self.luck.random() < 0.25
        return torch.nan_to_num(total * math.nan, nan=0.0) if lost else total


class BadSourceLater(Faulty):
    """From 40% on half of the texts are of a source whose text was scrambled when it was read."""

    traces = (Trace((), ("level-breaks", "two-levels", *SET_BACK, "early-plateau", "label-loss-apart", *BLOWN_UP)),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step > 0.4 * self.plan.steps:
            half = len(ids) // 2
            ids = ids.clone()
            ids[:half] = torch.randint(TOKENS, ids[:half].shape, generator=self.random)
        return ids


class LabelsOfPrompt(Faulty):
    """Only one position of a text in thirteen bears a label that is not -100: the mask is that of the prompt, whose
    last token is always the same.
    """

    traces = (Trace(("lm",), (*BY_HEART, *TAUGHT_WRONG, "term-collapses", "term-vanishes")),)

    def labels(self, ids: Tensor) -> Tensor:
        labels = ids[:, 1:].clone()
        labels[:, 12::13] = FIXED
        kept = torch.zeros_like(labels, dtype=torch.bool)
        kept[:, 12::13] = True
        return torch.where(kept, labels, torch.full_like(labels, -100))


FIXED = 7
"""The token behind every prompt."""

ALL = (
    KdWeightOfHundred,
    HotWithoutSquare,
    KdOfTheWholeBatch,
    LabelsInPlace,
    TeacherIdsPermuted,
    TeacherIsTrainedToo,
    HiddenUnnormalised,
    TotalOfMicroBatches,
    NanAsZero,
    BadSourceLater,
    LabelsOfPrompt,
)
