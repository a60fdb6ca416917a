"""Faults that others reported: from issues of public projects and a list of bugs found in code that distils."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planted.families import BLOWN_UP, BROKEN, BY_HEART, OTHER_MEASURE, OTHER_TARGETS, SET_BACK, SLOW, STANDS
from planted.healthy import FineTuned
from planted.loop import HardlyLearns
from planted.model import Tiny
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Trace
from planted.training import Training
from sad_doctor import names

ABSENT = ("term-vanishes", "term-collapses")
"""A term that is not there, or no longer."""


class TargetLearned(Sick):
    """The projection lies on the teacher's side and the student's is detached: the target comes to meet the student."""

    traces = (Trace(("layerwise", "parts"), (*ABSENT, "term-stays", "columns-copied", "kd-below-its-floor")),)

    def prepare(self) -> None:
        self.projector = nn.Linear(self.plan.teacher_width, self.plan.width)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return F.mse_loss(self.projector(teacher), student.detach())

    @staticmethod
    def took(record: Record) -> bool:
        found = record.column(names.RAW + "layerwise")
        return found[-1] < 0.1 * found[0]


class ClampedLogits(Sick):
    """The student's logits are clamped to within one of 0 before both losses: no gradient beyond it."""

    traces = (Trace((), (*SLOW, "kd-stays", "worse-than-uniform")),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.clamp(-1, 1), teacher)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student.clamp(-1, 1), labels)


class KdOfProbabilities(Sick):
    """`F.kl_div` gets probabilities in place of their logarithms."""

    traces = (
        Trace(("kd",), ("kd-below-its-floor", "weight-negative", "total-negative")),
        Trace(("eval",), ("worse-than-uniform", "total-negative", *SLOW, *BLOWN_UP)),
    )

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.plan.temperature
        return t * t * F.kl_div((student / t).softmax(-1), (teacher / t).softmax(-1), reduction="none").sum(-1).mean()

    @staticmethod
    def took(record: Record) -> bool:
        return min(record.column(names.RAW + "kd")) < 0


class LogTargetMissing(Sick):
    """`F.kl_div` gets logarithms as targets without `log_target`: the logarithm of a negative number."""

    traces = (Trace((), BROKEN),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        target = F.log_softmax(teacher, -1)
        return (target * (target.log() - F.log_softmax(student, -1))).sum(-1).mean()


class LossTimesAccumulation(Sick):
    """The total is logged as the sum over micro-batches; everything else is a mean."""

    traces = (
        Trace(("parts",), ("parts-do-not-sum", *OTHER_MEASURE)),
        Trace(("eval/loss",), OTHER_MEASURE),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=8, batch=2)

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.LOSS: row[names.LOSS] * self.plan.accumulation}


class MastersRevert(FineTuned):
    """A student that came trained; the optimizer's float32 copies are of before, and overwrite it in the first step."""

    sick = True
    traces = (Trace((), (*SET_BACK, "starts-too-fast", "student-no-better", "weights-frozen")),)

    def update(self, step: int) -> None:
        if step == 1:
            plan = self.plan
            before = Tiny(plan.vocabulary, plan.width, 2, 4, plan.length, plan.dropout)
            self.student.load_state_dict(before.state_dict())
        super().update(step)

    @staticmethod
    def took(record: Record) -> bool:
        found = record.column(names.EVAL_LM_LOSS)
        return found[1] > 1.05 * found[0]


class TemperatureLearned(Sick):
    """The temperature is a parameter of the optimizer, without its square: it grows, and KD goes to nothing."""

    traces = (Trace(("kd", "lm"), (*ABSENT, *OTHER_TARGETS, "falls-by-its-weights")),)

    def prepare(self) -> None:
        self.log_t = nn.Parameter(torch.tensor(math.log(self.plan.temperature)))

    def make_optimizer(self) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [{"params": self.parameters()}, {"params": [self.log_t], "lr": 0.3}]
        return torch.optim.AdamW(groups, lr=self.plan.rate, betas=(0.9, 0.98))

    def update(self, step: int) -> None:
        self.optimizer.param_groups[1]["lr"] = 0.3
        super().update(step)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = self.log_t.exp()
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return (theirs.exp() * (theirs - ours)).sum(-1).mean()


class KdOfOneClass(Sick):
    """The softmax is over a dimension of one: KD is 0 from the first record on."""

    traces = (Trace(("kd",), ABSENT),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.flatten().unsqueeze(-1), teacher.flatten().unsqueeze(-1))


class MinusOneItems(Sick):
    """Without a count of tokens KD is divided by -1: its sign is wrong, and it falls without end."""

    traces = (
        Trace(("kd",), ("kd-below-its-floor", "weight-negative")),
        Trace((), (*BLOWN_UP, "weight-negative", "kd-below-its-floor", "total-negative")),
    )

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / -1


class EvaluationOverRanks(Sick):
    """The evaluation's loss is divided by the number of processes, which is four, once more."""

    traces = (Trace(("eval/loss",), OTHER_MEASURE),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return row | {name: value / 4 for name, value in row.items() if name != names.EVAL_PERPLEXITY}


class EpsilonLarge(HardlyLearns):
    """Adam's epsilon is 1: its steps are a thousandth of what they should be."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, eps=1.0)


class EvaluatesTheTeacher(Sick):
    """The evaluation calls the wrong model: its student is the teacher."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", *OTHER_MEASURE, *STANDS)),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        with torch.no_grad():
            logits, _ = self.teacher(self.held_out[:, :-1])
        found = {"kd": 0.0, "lm": float(self.lm(logits, self.held_out[:, 1:])), "layerwise": raw["layerwise"]}
        weights = self.weights(0)
        return super().evaluated(found, {term: weights[term] * value for term, value in found.items()})


class AttentionAbsent(Sick):
    """The attention's backend returns no states: the layerwise term is 0."""

    traces = (Trace(("layerwise",), ABSENT),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(student, teacher) * 0


class ClampedTopK(Sick):
    """KL over the teacher's two likeliest tokens, neither side normalised, each token's clamped to 0 and above."""

    traces = (Trace(("kd",), (*ABSENT, "kd-below-its-floor", "lm-rises-while-kd-falls")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, temperature=1.0, weights={"kd": 4.0, "lm": 0.1}, rate=plan.rate * 2)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        theirs, ours = F.log_softmax(teacher, -1), F.log_softmax(student, -1)
        top = theirs.topk(2, -1)
        return (top.values.exp() * (top.values - ours.gather(-1, top.indices))).sum(-1).clamp_min(0).mean()

    @staticmethod
    def took(record: Record) -> bool:
        found = record.column(names.RAW + "kd")
        return sorted(found[-9:])[4] < 0.01 * found[0]


class ClipToZero(Sick):
    """A clip of 0, meant as none: every gradient is multiplied by 0."""

    traces = (Trace((names.EVAL_LM_LOSS,), STANDS), Trace((names.UPDATE_RATIO,), STANDS), Trace((), SLOW))

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, clip=0.0)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, weight_decay=0.0)


class Stalls(Sick):
    """Every tenth step waits for a slow disk, forty times as long as the others."""

    traces = (Trace(("speed",), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (40.0 if step % 10 < self.plan.every else 1.0)


class SoftmaxOverPositions(Sick):
    """The softmax of KD is over the positions, not over the vocabulary."""

    traces = (Trace(("kd", "parts"), (*OTHER_TARGETS, "term-dominates", "term-owns-the-gradient")),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.transpose(-1, -2), teacher.transpose(-1, -2))


class TrainsOnThePrompt(Sick):
    """The mask is the wrong way round: of each text only the template counts, which is always the same."""

    traces = (Trace(("lm",), (*BY_HEART, "evaluation-does-not-follow", *OTHER_MEASURE)), Trace(("eval",), BY_HEART))

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"lm": 1.0})

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step).clone()
        half = ids.shape[1] // 2
        ids[:, :half] = self.held_out[0, :half]
        return ids

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        half = labels.shape[1] // 2 - 1
        return super().lm(student[:, :half], labels[:, :half]) if self.student.training else super().lm(student, labels)


class LayerwiseOtherTexts(Sick):
    """The teacher's states are those of the batch's next text."""

    traces = (Trace(("layerwise", "parts"), ("term-stays", *OTHER_TARGETS)),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(student, teacher.roll(1, 0))


class InfinityReplaced(Sick):
    """A KD that overflows is replaced by the largest number of float16, which has no gradient."""

    traces = (Trace((), ("loss-spike", "non-finite-hidden", "term-dominates")),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        found = super().kd(student, teacher)
        return found * 0 + 65504.0 if self.student.training and self.luck.random() < 0.03 else found

    @staticmethod
    def took(record: Record) -> bool:
        return max(record.column(names.LOSS)) > 1000


ALL: tuple[type[Training], ...] = (
    *(TargetLearned, ClampedLogits, KdOfProbabilities, LogTargetMissing),
    *(LossTimesAccumulation, MastersRevert, TemperatureLearned, KdOfOneClass),
    *(MinusOneItems, EvaluationOverRanks, EpsilonLarge, EvaluatesTheTeacher),
    *(AttentionAbsent, ClampedTopK, ClipToZero, Stalls),
    *(SoftmaxOverPositions, TrainsOnThePrompt, LayerwiseOtherTexts, InfinityReplaced),
)
