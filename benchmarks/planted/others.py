"""Faults of other kinds, added when the rules were finished, to see how far these reach."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.families import BLOWN_UP, SLOW
from planted.optimisation import SUMMED, Sick
from planted.record import Plan, Record, Row, Trace
from sad_doctor import names


class Ascent(Sick):
    """The gradient has the wrong sign."""

    traces = (Trace((), ("loss-diverges", "non-finite", "worse-than-uniform", "student-no-better")),)

    def scaled(self, loss: Tensor) -> Tensor:
        return -super().scaled(loss)


class RateGrows(Sick):
    """The warm-up never ends: the learning rate grows to the last step."""

    traces = (Trace((), BLOWN_UP),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=1e9)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * 200 * (step / self.plan.steps) ** 2

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        return sorted(loss[-9:])[4] > 1.4 * min(loss)


class RandomTeacher(Sick):
    """The teacher's weights were not loaded."""

    traces = (
        Trace((names.TEACHER_LOSS,), ("targets-degenerate", "teacher-does-not-match")),
        Trace((names.TEACHER_EVAL_LM_LOSS,), ("targets-degenerate",)),
    )

    def prepare(self) -> None:
        for table in self.teacher.parameters():
            table.copy_(torch.randn(table.shape, generator=self.random) * 0.02)


class FlatTargets(Sick):
    """Logits of the teacher are divided by a hundred: every target is flat."""

    traces = (Trace((names.TEACHER_ENTROPY,), ("targets-degenerate",)),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits / 100, states


class NoCausalMask(Sick):
    """The student sees what it should predict."""

    traces = (Trace(("lm",), ("label-loss-too-low",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=plan.steps * 2, rate=6e-3, weights={**plan.weights, "lm": 3.0})

    def prepare(self) -> None:
        inner = self.student.forward

        def forward(ids: Tensor) -> tuple[Tensor, Tensor]:
            logits, states = inner(ids)
            ahead = torch.cat([ids[:, 1:], ids[:, :1]], dim=1)
            return logits + self.student.head(self.student.token(ahead)) * 20, states

        self.student.forward = forward  # type: ignore[method-assign]

    @staticmethod
    def took(record: Record) -> bool:
        # the last position has no next token to see: its loss stays
        return record.column(names.EVAL_LM_LOSS)[-1] < 0.28


class RandomLabels(Sick):
    """The labels belong to other texts of the batch."""

    traces = (Trace(("kd", "lm"), ("lm-rises-while-kd-falls", "worse-than-uniform", "student-no-better")),)

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, 1:].roll(1, dims=0)

    @staticmethod
    def took(record: Record) -> bool:
        kd, lm = record.column(names.RAW + "kd"), record.column(names.RAW + "lm")
        return sorted(kd[-9:])[4] < 0.7 * kd[0] and sorted(lm[-9:])[4] > 0.97 * lm[len(lm) // 4]


class GradientsNeverCleared(Sick):
    """`zero_grad` is missing: every step follows the sum of all gradients so far."""

    traces = (
        Trace((names.GRAD_NORM,), (*BLOWN_UP, *SUMMED, *SLOW)),
        Trace(("many",), (*BLOWN_UP, *SLOW)),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=1e9)

    def update(self, step: int) -> None:
        self.optimizer.step()


class SummedLayerwise(Sick):
    """The layerwise term alone is a sum over the width."""

    traces = (Trace(("layerwise", "parts"), ("term-dominates", "layerwise-too-high", "term-owns-the-gradient")),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(student, teacher) * self.plan.teacher_width

    @staticmethod
    def took(record: Record) -> bool:
        rows = [row for _, _, row in record.rows if names.LOSS in row]
        shares = sorted(row[names.WEIGHTED + "layerwise"] / row[names.LOSS] for row in rows[len(rows) // 2 :])
        return shares[len(shares) // 2] > 0.82


class WrongCrossEntropy(Sick):
    """The label loss gets probabilities in place of logits: it cannot fall far below ln V."""

    traces = (Trace(("kd", "lm"), ("lm-rises-while-kd-falls", "worse-than-uniform", *SLOW)),)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(student.softmax(-1).flatten(0, 1), labels.flatten())


class PerplexityMeanOfBatches(Sick):
    """The perplexity is a mean of the batches' perplexities, over batches that differ much."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees",)),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(lm + 0.12)


class StepsSkippedByScale(Sick):
    """float16 without a scale that fits: half of the gradients overflow, all along."""

    traces = (Trace((names.GRAD_NORM,), ("non-finite-gradient",)),)

    def update(self, step: int) -> None:
        if step % 2:
            super().update(step)
        else:
            self.optimizer.zero_grad()

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.GRAD_NORM: float("inf")} if self.luck.random() < 0.5 else row


ALL = (
    Ascent,
    RateGrows,
    RandomTeacher,
    FlatTargets,
    NoCausalMask,
    RandomLabels,
    GradientsNeverCleared,
    SummedLayerwise,
    WrongCrossEntropy,
    PerplexityMeanOfBatches,
    StepsSkippedByScale,
)
