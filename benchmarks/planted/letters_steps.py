"""Faults that an engineer would plant first: the optimizer, its schedule, precision."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from planted.families import BLOWN_UP, SLOW, STANDS
from planted.letters import Ill
from planted.record import Plan, Row, Trace
from sad_doctor import names


class NoZeroGrad(Ill):
    """zero_grad is missing."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-grows", "gradient-always-clipped", *BLOWN_UP)),)

    def update(self, step: int) -> None:
        self.optimizer.step()


class OptimizerOfTheTeacher(Ill):
    """The optimizer was made of the wrong model: the student never moves."""

    traces = (Trace((), SLOW),)

    def parameters(self) -> list[nn.Parameter]:
        return list(copy.deepcopy(self.teacher).requires_grad_(True).parameters())

    def update(self, step: int) -> None:
        super().update(step)
        self.student.zero_grad()


class ClearedBeforeStep(Ill):
    """zero_grad stands between backward and step."""

    traces = (Trace((), SLOW),)

    def update(self, step: int) -> None:
        self.student.zero_grad()
        super().update(step)


class OnlyBiasesTrain(Ill):
    """requires_grad is left on for biases alone, as for an adapter that was never added."""

    traces = (Trace((), (*SLOW, "kd-stays")),)

    def begin(self) -> None:
        for name, parameter in self.student.named_parameters():
            parameter.requires_grad_(name.endswith("bias"))


class SgdAtAdamsRate(Ill):
    """SGD at 1e-4."""

    traces = (Trace((), SLOW),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=1e-4)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate)


class RateOfOneThird(Ill):
    """Adam at 0.3."""

    traces = (Trace((), (*BLOWN_UP, "learns-little", "learning-rate-odd")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=0.3)


class RateOfAMillionth(Ill):
    """Adam at 1e-6."""

    traces = (Trace((), SLOW),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=1e-6)


class ScheduleByMicroStep(Ill):
    """The scheduler is stepped by every micro-batch, of which there are four: over at a quarter."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-zero", "learning-rate-odd")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), schedule="linear")

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(min(4 * step, self.plan.steps))


class ScheduleNeverStepped(Ill):
    """scheduler.step() is missing: the rate stays at the first of a warm-up."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-odd", *SLOW)),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate / 1000


class ClipOfNothing(Ill):
    """Plain descent with a clip of 1e-3."""

    traces = (Trace((), (*SLOW, "gradient-always-clipped")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), clip=1e-3, rate=0.1)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate)


class DecayOfThirty(Ill):
    """A weight decay of 30: the weights go to nothing."""

    traces = (Trace((), (*SLOW, "loss-diverges")),)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, weight_decay=30.0, fused=True)


class HalfOverflows(Ill):
    """float16: from the middle on every gradient overflows, and every step is left out."""

    traces = (Trace((names.GRAD_NORM, "nan"), ("non-finite-gradient", "non-finite")),)

    def gradients(self, step: int) -> None:
        if step > self.plan.steps / 2:
            for p in self.student.parameters():
                if p.grad is not None:
                    p.grad.mul_(math.inf)

    def update(self, step: int) -> None:
        if step <= self.plan.steps / 2:
            super().update(step)
        self.optimizer.zero_grad()


class HalfUnderflows(Ill):
    """float16 without a loss scale: gradients fall to 0 from a fifth on."""

    traces = (Trace((), (*STANDS, "early-plateau")),)

    def gradients(self, step: int) -> None:
        if step > self.plan.steps / 5:
            for p in self.student.parameters():
                if p.grad is not None:
                    p.grad.zero_()

    def update(self, step: int) -> None:
        if step <= self.plan.steps / 5:
            super().update(step)
        self.optimizer.zero_grad()


class MicroBatchesSummed(Ill):
    """Eight micro-batches, and no division by eight: the total that is written is the sum."""

    traces = (Trace(("parts",), ("parts-do-not-sum", "totals-differ", "evaluation-objective-differs")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), accumulation=8, batch=2)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss

    def one_step(self, step: int) -> Row:
        row = super().one_step(step)
        row[names.LOSS] *= self.plan.accumulation
        return row


class MomentumRuns(Ill):
    """Descent at a rate of 2 with a momentum of 0.99 and no clip."""

    traces = (Trace((), (*BLOWN_UP, "learns-little")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), clip=1e9, rate=2.0)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate, momentum=0.99)


ALL = (
    NoZeroGrad,
    OptimizerOfTheTeacher,
    ClearedBeforeStep,
    OnlyBiasesTrain,
    SgdAtAdamsRate,
    RateOfOneThird,
    RateOfAMillionth,
    ScheduleByMicroStep,
    ScheduleNeverStepped,
    ClipOfNothing,
    DecayOfThirty,
    HalfOverflows,
    HalfUnderflows,
    MicroBatchesSummed,
    MomentumRuns,
)
