"""Healthy runs of another's loop, each odd in one way."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from planted.letters import Letters, Words
from planted.model import Tiny
from planted.record import Plan, Row, Stopped
from sad_doctor import names


class Usual(Letters):
    """Nothing odd."""


class UsualAgain(Letters):
    """Nothing odd, with other numbers."""


class KdAlone(Letters):
    """alpha is 1: no labels."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), weights={"kd": 1.0})


class KdWithoutSquare(Letters):
    """No T², on purpose: KD is small beside the label loss."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student, teacher) / self.plan.temperature**2


class Reversed(Letters):
    """KL from the student to the teacher."""

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(teacher, student)


class Hot(Letters):
    """A temperature of 8, with its square."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), temperature=8.0)


class TwoTextsABatch(Letters):
    """Batches of two: much noise."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), batch=2)


class SixtyFourTexts(Letters):
    """Batches of 64: none."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), batch=64, steps=150, every=1, evaluate_every=15)


class ThreeEpochs(Letters):
    """Three epochs with dropout."""

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, texts=plan.steps * plan.batch // 3, dropout=0.1)


class PlainMomentum(Letters):
    """Descent with momentum, at a rate that suits it."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), rate=0.1)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate, momentum=0.9, nesterov=True)


class CutFromTeacher(Letters):
    """The student begins as the teacher without its second block."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), width=64, rate=1e-3)

    def begin(self) -> None:
        self.student = Tiny(28, 64, 1, 4, self.plan.length)
        self.student.load_state_dict(self.teacher.state_dict(), strict=False)
        self.student.requires_grad_(True)


class AFewRecords(Letters):
    """Twelve records of a short run."""

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), steps=120, every=10, evaluate_every=40)


class NeverEvaluated(Letters):
    """No evaluation at all."""

    def write(self, step: int, row: Row) -> None:
        if names.LOSS in row:
            super().write(step, row)


class KdFadesIn(Letters):
    """alpha goes from 0 to its value over the first half, as the log tells."""

    def weights(self, step: int) -> dict[str, float]:
        alpha = self.plan.weights["kd"] * min(1.0, 2 * step / self.plan.steps)
        return {"kd": alpha, "lm": 1 - alpha}


class Smoothed(Letters):
    """Labels smoothed by a tenth."""

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(student.flatten(0, 1), labels.flatten(), label_smoothing=0.1)


class ScaleSettles(Letters):
    """float16: the first four steps overflow while the loss scale settles, and one later."""

    def gradients(self, step: int) -> None:
        if step <= 4 or step == self.plan.steps // 2:
            for p in self.student.parameters():
                if p.grad is not None:
                    p.grad.mul_(math.inf)

    def update(self, step: int) -> None:
        if step <= 4 or step == self.plan.steps // 2:
            self.optimizer.zero_grad()
        else:
            super().update(step)


class EvaluatedElsewhere(Letters):
    """The evaluation is of texts with a tenth of random letters."""

    def begin(self) -> None:
        noise = torch.rand(self.held_out.shape, generator=self.random) < 0.1
        letters = torch.randint(27, self.held_out.shape, generator=self.random)
        self.held_out = torch.where(noise, letters, self.held_out)


class StoppedEarly(Letters):
    """Ended at 60% by patience, as the log tells."""

    def before(self, step: int) -> None:
        if step == int(0.6 * self.plan.steps):
            self.record.status = "stopped"
            raise Stopped


class TwoLanguages(Letters):
    """Each text is of one of two languages, of which the teacher knows one better."""

    def begin(self) -> None:
        other = Words(0, shift=5).texts(self.plan.texts, self.plan.length + 1, self.random)
        self.data[::3] = other[::3]


class WithHidden(Letters):
    """A third term of normalised states."""

    def planned(self, plan: Plan) -> Plan:
        plan = super().planned(plan)
        return replace(plan, weights={**plan.weights, "layerwise": 0.3})


ALL = (
    Usual,
    UsualAgain,
    KdAlone,
    KdWithoutSquare,
    Reversed,
    Hot,
    TwoTextsABatch,
    SixtyFourTexts,
    ThreeEpochs,
    PlainMomentum,
    CutFromTeacher,
    AFewRecords,
    NeverEvaluated,
    KdFadesIn,
    Smoothed,
    ScaleSettles,
    EvaluatedElsewhere,
    StoppedEarly,
    TwoLanguages,
    WithHidden,
)
