"""Twenty more faults in another's loop, written after the first mends and before they were run."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.causes import TAUGHT_WRONG
from planted.families import BLOWN_UP, BROKEN, BY_HEART, OTHER_MEASURE, SET_BACK, SLOW
from planted.letters import LETTERS, Ill, changed, untaught
from planted.model import Tiny
from planted.record import Plan, Row, Trace
from sad_doctor import names


class TeacherReplacedLate(Ill):
    """At 60% the teacher is loaded anew, without its weights."""

    traces = (Trace(("kd",), (*TAUGHT_WRONG, "level-breaks")),)

    def before(self, step: int) -> None:
        if step == int(0.6 * self.plan.steps):
            self.teacher = untaught(self)


class TeacherReversed(Ill):
    """The teacher reads each text from its end."""

    traces = (Trace(("kd",), TAUGHT_WRONG),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        return super().teach(ids.flip(1))


class TargetsOfOneHot(Ill):
    """The temperature of the teacher's side is 0.05: its targets are one token each, and not its odds."""

    traces = (Trace((names.TEACHER_ENTROPY,), ("targets-degenerate", *TAUGHT_WRONG)),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits * 20, states


class LabelsAllPadding(Ill):
    """The collator writes the padding's id over every label."""

    traces = (Trace(("lm",), ("label-loss-too-low", "kd-out-of-step", "kd-stays", "certainty-disagrees")),)

    def labels(self, ids: Tensor) -> Tensor:
        return torch.full_like(ids[:, 1:], LETTERS - 1)


class TextsRepeatEveryTen(Ill):
    """The loader begins again after ten batches."""

    traces = (Trace((), (*BY_HEART, "batches-in-waves")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), texts=80)


class EmptyTextsFromMiddle(Ill):
    """From the middle on the training's texts are blanks."""

    traces = (Trace((), ("level-breaks", "label-loss-too-low", "label-loss-apart", "overfitting", "term-collapses")),)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        return torch.zeros_like(ids) if step > self.plan.steps / 2 else ids


class LabelLossSummed(Ill):
    """The label loss is a sum over the tokens, KD a mean."""

    traces = (Trace(("lm",), ("worse-than-uniform", "term-dominates", "total-too-high", "gradient-always-clipped")),)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student, labels) * labels.numel()


class WeightGrowsWithStep(Ill):
    """KD's weight is multiplied by 1.05 in every step and never limited."""

    traces = (
        Trace(("kd", "parts"), ("weight-runs-away", "term-dominates", "total-too-high", "loss-diverges", "term-rises")),
    )

    def weights(self, step: int) -> dict[str, float]:
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * min(1.05**step, 1e4)}


class KdTurnsNan(Ill):
    """From 60% on KD is NaN in one batch of five, and such a step is left out."""

    traces = (Trace((), BROKEN),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), averaged=False)

    late = False

    def before(self, step: int) -> None:
        self.late = step > 0.6 * self.plan.steps

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        lost = self.late and self.student.training and self.luck.random() < 0.2
        return super().kd(student, teacher) * (math.nan if lost else 1.0)

    def update(self, step: int) -> None:
        if all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in self.student.parameters()):
            super().update(step)
        else:
            self.optimizer.zero_grad()


class RateJumps30Times(Ill):
    """At 40% the rate becomes thirty times as large."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-odd", *BLOWN_UP, *SET_BACK)),)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(step) * (30 if step > 0.4 * self.plan.steps else 1)


class WarmupTheWholeRun(Ill):
    """The warm-up has a thousand steps: the rate rises to the end."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-odd", *SLOW)),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * step / 1000


class StepsOnlyOnce(Ill):
    """The optimizer steps once an epoch: never but in the first step."""

    traces = (Trace((), SLOW),)

    def update(self, step: int) -> None:
        if step == 1:
            super().update(step)
        self.optimizer.zero_grad()


class FrozenAfterQuarter(Ill):
    """After a quarter of the run every parameter's requires_grad is off: a stage that ended."""

    traces = (Trace((), (*SLOW, "level-breaks")),)

    def update(self, step: int) -> None:
        if step <= self.plan.steps / 4:
            super().update(step)
        self.optimizer.zero_grad()


class LayersInitialisedHuge(Ill):
    """The student's weights are made eight times too large."""

    traces = (Trace((), ("worse-than-uniform", "total-too-high", "starts-too-fast", "gradient-always-clipped", *SLOW)),)

    def begin(self) -> None:
        with torch.no_grad():
            for p in self.student.parameters():
                p.mul_(8)


class EvaluationDropsHalf(Ill):
    """Dropout of 0.6 is on at the evaluation alone."""

    traces = (Trace(("eval",), (*OTHER_MEASURE, "label-loss-apart", "evaluation-does-not-follow", "overfitting")),)

    def evaluate(self, step: int) -> Row:
        drops = [m for m in self.student.modules() if isinstance(m, torch.nn.Dropout)]
        for drop in drops:
            drop.p = 0.6
        evaluation, self.student.eval = self.student.eval, self.student.train  # type: ignore[method-assign]
        try:
            return super().evaluate(step)
        finally:
            self.student.eval = evaluation  # type: ignore[method-assign]
            for drop in drops:
                drop.p = 0.0


class EvaluationLossInBase10(Ill):
    """The evaluation's losses are logarithms of base 10."""

    traces = (Trace(("eval",), (*OTHER_MEASURE, "label-loss-apart", "evaluation-better")),)

    def evaluate(self, step: int) -> Row:
        return {k: v if k == names.EVAL_PERPLEXITY else v / math.log(10) for k, v in super().evaluate(step).items()}


class LossOfTenSteps(Ill):
    """The total is logged as the sum over the ten steps since the last record."""

    traces = (Trace(("parts",), ("parts-do-not-sum", "totals-differ", "evaluation-objective-differs")),)

    def logged(self, row: Row, step: int) -> Row:
        return {**row, names.LOSS: 10 * row[names.LOSS]}


class SavesRoundWeights(Ill):
    """At each evaluation the weights go through a type of four bits and stay so."""

    traces = (Trace((), (*SET_BACK, *BLOWN_UP, "evaluation-jumps")),)

    def evaluate(self, step: int) -> Row:
        with torch.no_grad():
            for p in self.student.parameters() if step else ():
                scale = p.abs().max() / 4
                p.copy_((p / scale).round() * scale)
        return super().evaluate(step)


class HeadAloneTrains(Ill):
    """The optimizer holds the student's head alone."""

    traces = (Trace((), (*SLOW, "kd-stays")),)

    def begin(self) -> None:
        for name, p in self.student.named_parameters():
            p.requires_grad_(name.startswith("head"))


class AnotherStudentIsLoaded(Ill):
    """At 50% a checkpoint of another run is loaded: one that was trained on another tokenizer's ids."""

    traces = (Trace((), SET_BACK),)

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.student.load_state_dict(self._other().state_dict())

    def _other(self) -> Tiny:
        other = Tiny(LETTERS, self.plan.width, 2, 4, self.plan.length)
        optimizer = torch.optim.AdamW(other.parameters(), lr=3e-3)
        for _ in range(60):
            ids = changed(self.data[torch.randint(len(self.data), (8,), generator=self.random)])
            loss = F.cross_entropy(other(ids[:, :-1])[0].flatten(0, 1), ids[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return other


ALL = (
    TeacherReplacedLate,
    TeacherReversed,
    TargetsOfOneHot,
    LabelsAllPadding,
    TextsRepeatEveryTen,
    EmptyTextsFromMiddle,
    LabelLossSummed,
    WeightGrowsWithStep,
    KdTurnsNan,
    RateJumps30Times,
    WarmupTheWholeRun,
    StepsOnlyOnce,
    FrozenAfterQuarter,
    LayersInitialisedHuge,
    EvaluationDropsHalf,
    EvaluationLossInBase10,
    LossOfTenSteps,
    SavesRoundWeights,
    HeadAloneTrains,
    AnotherStudentIsLoaded,
)
