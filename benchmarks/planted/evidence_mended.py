"""Faults whose misses showed which evidence no rule looked at: the half by which rules were mended."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from planted.causes import TAUGHT_WRONG
from planted.optimisation import Sick
from planted.record import Plan, Row, Trace
from sad_doctor import names


class RateOfFrozenGroupLogged(Sick):
    """The rate that is written is that of a frozen group, 0; the student has another one and learns."""

    traces = (Trace(("train/lr",), ("counters-disagree", "learning-rate-zero")),)

    def logged(self, row: Row, step: int) -> Row:
        return {**row, names.LEARNING_RATE: 0.0}


class LastBatchTiny(Sick):
    """The last batch of every epoch has a single text, of another kind than most, and counts as a whole one."""

    traces = (Trace((), ("loss-spike", "batches-repeat", "records-stand-out")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, every=1, averaged=False)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step % 20 == 0:
            ids = torch.randint(self.plan.vocabulary, (1, ids.shape[1]), generator=self.random)
        return ids


class OneTextPerBatch(Sick):
    """From the middle on every row of a batch is the same text: a sampler whose workers have one seed."""

    traces = (Trace((), ("level-breaks", "batches-repeat", "loss-oscillates")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:1].expand_as(ids).contiguous() if step >= self.plan.steps // 2 else ids


class TextsCutShort(Sick):
    """From 40% on all texts are cut to five tokens: another shard with another max_length."""

    traces = (Trace((), ("level-breaks", "loss-depends-on-length")),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:, :6] if step >= 0.4 * self.plan.steps else ids


class RareTokensUnknown(Sick):
    """In the student's inputs and labels the upper half of the ids is 0; the teacher reads the true ids."""

    traces = (
        Trace(
            (),
            (
                *TAUGHT_WRONG,
                "label-loss-too-low",
                "certainty-disagrees",
            ),
        ),
    )

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        cut = torch.where(ids >= self.plan.vocabulary // 2, torch.zeros_like(ids), ids)
        found, extra = super().terms(ids, step)
        theirs, their_states = self.teach(ids[:, :-1])
        ours, states = self.student(cut[:, :-1])
        new = {
            "kd": self.kd(ours, theirs),
            "lm": self.lm(ours, cut[:, 1:]),
            "layerwise": self.layerwise(states, their_states),
        }
        return {k: new[k] for k in found}, extra


class KdOverPadded(Sick):
    """KD is the sum over real tokens divided by the padded length, always the longest."""

    traces = (Trace(("train/length",), ("loss-depends-on-length", "term-apart")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return ids[:, : int(torch.randint(4, ids.shape[1] + 1, (), generator=self.random))]

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) * student.shape[1] / self.plan.length


class TeacherEmptied(Sick):
    """After 30% of the run the teacher's weights are all 0: a shard that was released and not gathered again."""

    traces = (
        Trace(
            (),
            (
                "teacher-drifts",
                "level-breaks",
                "targets-degenerate",
                "kd-stays",
                "number-stale",
                "lm-rises-while-kd-falls",
                "teacher-does-not-match",
                "term-rises",
                "columns-copied",
                "term-apart",
                "kd-out-of-step",
            ),
        ),
    )

    def before(self, step: int) -> None:
        if step == int(0.3 * self.plan.steps):
            with torch.no_grad():
                for p in self.teacher.parameters():
                    p.zero_()


class TemperatureToZero(Sick):
    """The temperature is annealed past its end, to 0.05: KD, with its square, goes to nothing."""

    traces = (
        Trace(
            (),
            (
                "term-vanishes",
                "term-collapses",
                "label-loss-apart",
                "term-apart",
                "kd-out-of-step",
                "kd-below-its-floor",
                "falls-by-its-weights",
            ),
        ),
    )

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        t = max(0.05, 4 * (1 - 1.6 * self.now / self.plan.steps))
        theirs, ours = F.log_softmax(teacher / t, -1), F.log_softmax(student / t, -1)
        return t * t * (theirs.exp() * (theirs - ours)).sum(-1).mean()


class TwoTeachersInTurn(Sick):
    """Of two teachers in a list, one was never trained; each step takes one of them by chance."""

    traces = (
        Trace(
            ("kd",),
            (
                *TAUGHT_WRONG,
                "loss-oscillates",
                "level-breaks",
                "two-levels",
            ),
        ),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def prepare(self) -> None:
        torch.manual_seed(91)
        self.other = copy.deepcopy(self.teacher)
        for m in self.other.modules():
            if isinstance(m, nn.Linear | nn.Embedding | nn.LayerNorm):
                m.reset_parameters()

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        if self.student.training and float(torch.rand((), generator=self.random)) < 0.4:
            with torch.no_grad():
                found: tuple[Tensor, Tensor] = self.other(ids)
                return found
        return super().teach(ids)


class EvaluationAtTemperature(Sick):
    """The evaluation's label loss is of logits divided by the temperature, 3."""

    traces = (
        Trace(
            ("eval", "lm"),
            (
                "label-loss-apart",
                "evaluation-objective-differs",
                "perplexity-disagrees",
                "evaluation-better",
                "totals-differ",
                "certainty-disagrees",
                "evaluation-set-changes",
                "term-apart",
                "perplexity-too-high",
            ),
        ),
    )

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student if self.student.training else student / 3, labels)


class StaysInEvalMode(Sick):
    """Dropout of 0.4; after the second evaluation model.train() is never called again."""

    traces = (Trace((), ("level-breaks", "resume-jumps")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.4, evaluate_every=plan.steps // 5)

    def before(self, step: int) -> None:
        if step > 2 * self.plan.evaluate_every:
            self.student.eval()


class AlphaBelowZero(Sick):
    """alpha grows in a straight line and past 1: the weight of KD, 1 - alpha, is negative for the second half."""

    traces = (
        Trace(
            ("part kd",),
            (
                "weight-negative",
                "term-rises",
                "total-negative",
                "kd-below-its-floor",
                "weight-runs-away",
                "loss-diverges",
            ),
        ),
    )

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * (1 - 2 * step / self.plan.steps)}


ALL = (
    RateOfFrozenGroupLogged,
    LastBatchTiny,
    OneTextPerBatch,
    TextsCutShort,
    RareTokensUnknown,
    KdOverPadded,
    TeacherEmptied,
    TemperatureToZero,
    TwoTeachersInTurn,
    EvaluationAtTemperature,
    StaysInEvalMode,
    AlphaBelowZero,
)
