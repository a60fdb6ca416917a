"""Mainstream faults in a loop of one file: the optimizer, its schedule, precision, evaluation, what is written."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import nn

from planted.families import BLOWN_UP, BROKEN, SET_BACK, SLOW
from planted.record import Plan, Row, Trace
from planted.script import Faulty
from sad_doctor import names


class RateTenTimesTooHigh(Faulty):
    """Adam at 0.1, with a warm-up that does not save it."""

    traces = (Trace((), (*BLOWN_UP, "learning-rate-odd", *SLOW)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=0.1)


class RateWithThreeZerosMore(Faulty):
    """Adam at 3e-6: 3e-3 was meant."""

    traces = (Trace((), SLOW),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=3e-6)


class WarmupCountedInEpochs(Faulty):
    """The warm-up's length was meant in steps and is counted in epochs: the rate hardly rises before the end."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-odd", *SLOW)),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * step / 4000


class ScheduleOfMicroBatches(Faulty):
    """The scheduler is stepped by each of four micro-batches: its rate is 0 after a quarter of the run."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-zero", "learning-rate-odd")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), accumulation=4, batch=2, schedule="cosine")

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(min(4 * step, self.plan.steps))


class NeverCleared(Faulty):
    """Descent with momentum, and no zero_grad."""

    traces = (Trace((), ("gradient-grows", "gradient-always-clipped", *BLOWN_UP, *SLOW)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=0.1)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate, momentum=0.9)

    def update(self, step: int) -> None:
        self.optimizer.step()


class OptimizerOfACopy(Faulty):
    """The student was moved to another device after the optimizer was made, so that a copy is trained."""

    traces = (Trace((), SLOW),)

    def parameters(self) -> list[nn.Parameter]:
        return list(copy.deepcopy(self.student).parameters())

    def update(self, step: int) -> None:
        super().update(step)
        self.student.zero_grad()


class LossScaleCollapses(Faulty):
    """float16: from a third of the run on every gradient is infinite and every step is left out in silence."""

    traces = (
        Trace((names.GRAD_NORM, "nan"), (*BROKEN, *SLOW)),
        Trace((), (*SLOW, *BROKEN, "level-breaks")),
    )

    def gradients(self, step: int) -> None:
        if step > self.plan.steps / 3:
            for p in self.student.parameters():
                if p.grad is not None:
                    p.grad.mul_(math.inf)

    def update(self, step: int) -> None:
        if step <= self.plan.steps / 3:
            super().update(step)
        self.optimizer.zero_grad()


class ResumeWithTenfoldRate(Faulty):
    """At 55% the run goes on at ten times its rate: the configuration's, scaled by the processes once more."""

    traces = (
        Trace((names.LEARNING_RATE,), ("learning-rate-odd", "resume-jumps", *BLOWN_UP, *SET_BACK)),
        Trace((), (*BLOWN_UP, *SET_BACK)),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=5e-3)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(step) * (10 if step > 0.55 * self.plan.steps else 1)


class PerplexityInBits(Faulty):
    """The evaluation's perplexity is 2 to the power of a loss in nats."""

    traces = (Trace((names.EVAL_PERPLEXITY,), ("perplexity-disagrees", "evaluation-objective-differs")),)

    def perplexity(self, lm: float, total: float) -> float:
        return 2**lm


class PerplexityCapped(Faulty):
    """The evaluation's perplexity is at most 3, for a plot."""

    traces = (Trace((names.EVAL_PERPLEXITY,), ("perplexity-is-a-clamp", "perplexity-disagrees", "number-stale")),)

    def perplexity(self, lm: float, total: float) -> float:
        return min(math.exp(lm), 3.0)


class TensorsKept(Faulty):
    """A list keeps the loss of each step with its graph."""

    traces = (Trace((names.MEMORY,), ("memory-grows",)),)

    def memory_of(self, step: int) -> float:
        return super().memory_of(step) + 1.5e7 * step


class LoaderStalls(Faulty):
    """From 60% on each batch waits for a disk: four times as long, and each time another time."""

    traces = (Trace((names.TOKENS_PER_SECOND,), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        late = step > 0.6 * self.plan.steps
        return super().seconds(step) * ((2.5 + 3 * self.luck.random()) if late else 1)


class EvaluatesTheStart(Faulty):
    """The evaluation holds a compiled copy of the student that was made before training."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", "weights-frozen", "number-stale")),)

    def begin(self) -> None:
        self.first = copy.deepcopy(self.student)

    def evaluate(self, step: int) -> Row:
        student, self.student = self.student, self.first
        row = super().evaluate(step)
        self.student = student
        return row


class LossOfTheLastEpoch(Faulty):
    """The total that is written is one number, that of the first hundredth step, until it is computed anew at 50%."""

    traces = (Trace((), ("number-stale", "weights-frozen", "noise-missing")),)

    held = 0.0

    def logged(self, row: Row, step: int) -> Row:
        if step <= 3 * self.plan.every or abs(step - self.plan.steps // 2) < self.plan.every:
            self.held = row[names.LOSS]
        return {**row, names.LOSS: self.held}


ALL = (
    RateTenTimesTooHigh,
    RateWithThreeZerosMore,
    WarmupCountedInEpochs,
    ScheduleOfMicroBatches,
    NeverCleared,
    OptimizerOfACopy,
    LossScaleCollapses,
    ResumeWithTenfoldRate,
    PerplexityInBits,
    PerplexityCapped,
    TensorsKept,
    LoaderStalls,
    EvaluatesTheStart,
    LossOfTheLastEpoch,
)
