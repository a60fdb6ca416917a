"""Faults that were written after all mends, before they were run."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from planted.causes import TAUGHT_WRONG
from planted.model import Language
from planted.optimisation import Sick
from planted.record import Plan, Row, Trace
from sad_doctor import names


class TeacherDecays(Sick):
    """The teacher's weights are in the optimizer without gradients: weight decay takes 1% of them a step."""

    traces = (
        Trace(
            (),
            (*TAUGHT_WRONG,),
        ),
    )

    def update(self, step: int) -> None:
        super().update(step)
        with torch.no_grad():
            for p in self.teacher.parameters():
                p.mul_(0.99)


class SpikesMoreOften(Sick):
    """Steps that throw the weights, the more often the later, as of an optimizer in eight bits."""

    traces = (
        Trace(
            (),
            (
                "loss-diverges",
                "loss-oscillates",
                "non-finite",
                "loss-spike",
                "starts-too-fast",
                "gradient-grows",
                "evaluation-jumps",
            ),
        ),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def update(self, step: int) -> None:
        super().update(step)
        if float(torch.rand((), generator=self.random)) < 0.15 * step / self.plan.steps:
            with torch.no_grad():
                for p in self.student.parameters():
                    if p.dim() > 1:
                        p.add_(torch.randn(p.shape, generator=self.random) * p.std() * 0.5)


class EvaluationsCountedApart(Sick):
    """Evaluations are written at their own count, 1, 2, 3."""

    traces = (Trace(("eval",), ("counters-disagree",)),)

    n = 0

    def write(self, step: int, row: Row) -> None:
        if any(k.startswith("eval/") for k in row):
            super().write(self.n, row)
            self.n += 1
        else:
            super().write(step, row)


class SecondSetAdded(Sick):
    """From the middle on the evaluation's numbers are sums over two sets."""

    traces = (
        Trace(
            ("eval",),
            (
                "evaluation-set-changes",
                "evaluation-objective-differs",
                "totals-differ",
                "evaluation-jumps",
                "label-loss-apart",
                "perplexity-disagrees",
            ),
        ),
    )

    def evaluate(self, step: int) -> Row:
        row = super().evaluate(step)
        return (
            {k: 2 * v if k.startswith("eval/") and "perplexity" not in k else v for k, v in row.items()}
            if step >= self.plan.steps // 2
            else row
        )


class SourcesInOrder(Sick):
    """First one source of texts, from the middle on another: a buffer of the shuffle that is too small."""

    traces = (
        Trace(
            (), ("level-breaks", "loss-spike", "loss-diverges", "label-loss-apart", "overfitting", "targets-degenerate")
        ),
    )

    def prepare(self) -> None:
        self.other = Language(self.plan.vocabulary, 77).texts(1024, self.plan.length + 1, self.random)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step < self.plan.steps // 2:
            return ids
        return self.other[torch.randint(len(self.other), (len(ids),), generator=self.random)]


class EvaluationNan(Sick):
    """The evaluation in float16 gives no number from 60% on."""

    traces = (Trace(("eval", "nan"), ("non-finite", "non-finite-hidden", "non-finite-gradient", "number-stale")),)

    def evaluate(self, step: int) -> Row:
        row = super().evaluate(step)
        return {k: math.nan for k in row} if step > 0.6 * self.plan.steps else row


class LabelsUnshiftedFromShard(Sick):
    """From the middle on each label is its own token."""

    traces = (
        Trace(
            (),
            (
                "level-breaks",
                "label-loss-too-low",
                "label-loss-apart",
                "kd-out-of-step",
                "overfitting",
                "noise-missing",
                "batches-repeat",
                "evaluation-seen",
                "certainty-disagrees",
                "evaluation-objective-differs",
            ),
        ),
    )

    now = 0

    def before(self, step: int) -> None:
        self.now = step

    def labels(self, ids: Tensor) -> Tensor:
        return ids[:, :-1] if self.now >= self.plan.steps // 2 and self.student.training else ids[:, 1:]


class WeightInPercentAfterResume(Sick):
    """After the resume the weight of KD is in percent: a hundred times as large."""

    traces = (
        Trace(
            (),
            (
                "term-dominates",
                "total-too-high",
                "resume-jumps",
                "level-breaks",
                "loss-diverges",
                "weight-runs-away",
                "gradient-always-clipped",
            ),
        ),
    )

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.record.events.append((names.EVENT_RESUME, "", step))

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * (100 if step >= self.plan.steps // 2 else 1)}


class NormInfiniteNowAndThen(Sick):
    """One gradient in nine is infinite and its step is skipped."""

    traces = (Trace(("train/grad_norm", "nan"), ("non-finite", "non-finite-hidden", "non-finite-gradient")),)

    def gradients(self, step: int) -> None:
        if self.luck.random() < 0.11:
            for p in self.student.parameters():
                if p.grad is not None:
                    p.grad.mul_(math.inf)
                break

    def update(self, step: int) -> None:
        if all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in self.student.parameters()):
            super().update(step)
        else:
            self.optimizer.zero_grad()


class RateUpwards(Sick):
    """A polynomial decay whose end is three times its start."""

    traces = (Trace(("train/lr",), ("learning-rate-odd",)),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * (1 + 2 * step / self.plan.steps) / 2


class LabelsMaskedInSomeBatches(Sick):
    """Prompts fill the texts of one batch in six: it has no label, and its label loss is 0."""

    traces = (Trace(("lm", "parts"), ("term-flickers", "term-vanishes", "covers-little")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, averaged=False)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student, labels) * (0.0 if self.student.training and self.luck.random() < 1 / 6 else 1.0)


class PaceFallsAtEachSave(Sick):
    """After each of five saves the steps are a fifth slower: the files stay open."""

    traces = (Trace(("train/tokens_per_second",), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * 1.25 ** (6 * step // self.plan.steps)


ALL = (
    TeacherDecays,
    SpikesMoreOften,
    EvaluationsCountedApart,
    SecondSetAdded,
    SourcesInOrder,
    EvaluationNan,
    LabelsUnshiftedFromShard,
    WeightInPercentAfterResume,
    NormInfiniteNowAndThen,
    RateUpwards,
    LabelsMaskedInSomeBatches,
    PaceFallsAtEachSave,
)
