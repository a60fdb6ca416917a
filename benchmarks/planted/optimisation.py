"""Faults of the optimizer and its schedule."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from planted.healthy import FineTuned
from planted.record import Plan, Record, Row, Trace
from planted.training import Training
from sad_doctor import names

FROZEN = ("weights-frozen", "learning-rate-zero")
BLOWN_UP = ("loss-diverges", "loss-oscillates", "non-finite")
SUMMED = ("gradient-always-clipped", "worse-than-uniform")


class Sick(Training):
    sick = True


class NeverSteps(Sick):
    """The gate of the accumulation never opens, and the scheduler stands behind it: no step, no rate."""

    traces = (Trace(("eval",), FROZEN), Trace((names.LEARNING_RATE,), FROZEN))

    def learning_rate(self, step: int) -> float:
        return 0.0

    def update(self, step: int) -> None:
        """Not even the gradients are cleared."""


class StaleOptimizer(Sick):
    """The optimizer holds the parameters of a copy that nobody uses."""

    traces = (
        Trace(("eval",), FROZEN),
        Trace((names.UPDATE_RATIO,), FROZEN),
        Trace(("many", "planned"), ("early-plateau",)),
    )

    def parameters(self) -> list[nn.Parameter]:
        return [*copy.deepcopy(self.student).parameters(), *copy.deepcopy(self.projector).parameters()]

    def update(self, step: int) -> None:
        super().update(step)
        self.student.zero_grad()


class RateZero(Sick):
    """The learning rate of the configuration is 0."""

    traces = (Trace(("eval",), FROZEN), Trace((names.LEARNING_RATE,), FROZEN))

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=0.0)


class RateTooHigh(Sick):
    """A learning rate far too high: the loss climbs and stays up."""

    traces = (Trace((), BLOWN_UP),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate * self.luck.uniform(60, 200), warmup=0.35, schedule="constant", clip=1e9)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        fifth = max(1, len(loss) // 5)
        last = sorted(loss[-fifth:])[fifth // 2]
        return not math.isfinite(last) or last > 1.3 * min(loss)


class NoWarmup(FineTuned):
    """A student that knows something, and a high learning rate from the first step on: the loss shoots up first."""

    sick = True
    traces = (Trace((), ("starts-too-fast", "loss-spike", "student-no-better", *BLOWN_UP)),)

    def planned(self, plan: Plan) -> Plan:
        rate = plan.rate * self.luck.uniform(10, 20)
        return replace(plan, rate=rate, warmup=0.0, schedule="linear", every=1, evaluate_every=plan.steps // 20)

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        return sum(loss[2:10]) / 8 > 1.2 * loss[0]


class RateTooLow(Sick):
    """A learning rate a few thousand times too low: the loss hardly moves."""

    traces = (
        Trace(("many", "planned"), ("updates-tiny", "early-plateau", "learns-little")),
        Trace((names.EVAL_LM_LOSS,), ("updates-tiny", "early-plateau", "learns-little", "student-no-better")),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate / self.luck.choice([3000, 10000]))


class ScheduleTooShort(Sick):
    """The schedule was made for fewer steps than are taken: the learning rate is 0 for most of the run."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-zero",)),)

    def learning_rate(self, step: int) -> float:
        done = step / (self.luck_share * self.plan.steps)
        return max(0.0, self.plan.rate * (1 - done))

    def prepare(self) -> None:
        self.luck_share = self.luck.uniform(0.2, 0.5)


class LostInBf16(Sick):
    """Weights in bf16 and a small learning rate: nearly every update is below half a unit and rounded away."""

    traces = (
        Trace((names.UPDATE_RATIO, "planned"), ("updates-tiny", "weights-frozen", "early-plateau", "learns-little")),
        Trace(("many", "planned"), ("updates-tiny", "weights-frozen", "early-plateau", "learns-little")),
        Trace(
            (names.EVAL_LM_LOSS,),
            ("updates-tiny", "weights-frozen", "early-plateau", "learns-little", "student-no-better"),
        ),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate / 1500)

    def prepare(self) -> None:
        self.student.bfloat16()
        self.projector.bfloat16()
        student, projector = self.student.forward, self.projector.forward

        def wide(ids: Tensor) -> tuple[Tensor, Tensor]:
            logits, states = student(ids)
            return logits.float(), states.float()

        def narrow(input: Tensor) -> Tensor:
            return projector(input.bfloat16()).float()

        self.student.forward = wide  # type: ignore[method-assign]
        self.projector.forward = narrow  # type: ignore[method-assign]


class SummedLoss(Sick):
    """Every term is a sum over the tokens of the batch: the clipping scales each gradient down by hundreds."""

    traces = (Trace((names.GRAD_NORM,), SUMMED), Trace(("lm",), ("worse-than-uniform",)))

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        found, extra = super().terms(ids, step)
        return {term: value * ids[:, 1:].numel() for term, value in found.items()}, extra


class AccumulationNotDivided(Sick):
    """The loss of a step is the sum over its micro-batches, the parts are means over them.

    Without parts no column tells: an evaluation may be of easier text.
    """

    traces = (Trace(("parts",), ("parts-do-not-sum",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=self.luck.choice([2, 4]), batch=4)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.LOSS: row[names.LOSS] * self.plan.accumulation}


class BrokenGradient(Sick):
    """From some step on the gradient is not finite and every step is skipped; the loss looks well."""

    traces = (
        Trace((names.GRAD_NORM, "nan"), ("non-finite-gradient",)),
        Trace(("eval",), ("weights-frozen", "early-plateau")),
    )

    def prepare(self) -> None:
        self.broken_from = int(self.plan.steps * self.luck.uniform(0.2, 0.5))

    def update(self, step: int) -> None:
        if step < self.broken_from:
            super().update(step)
        else:
            self.optimizer.zero_grad()

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.GRAD_NORM: math.nan} if step >= self.broken_from else row


class NoGradient(Sick):
    """KD alone, on logits that were detached: there is nothing to follow."""

    traces = (
        Trace(("eval",), (*FROZEN, "gradient-vanishes")),
        Trace((names.GRAD_NORM,), (*FROZEN, "gradient-vanishes")),
        Trace((names.UPDATE_RATIO,), (*FROZEN, "gradient-vanishes")),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={"kd": 1.0})

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().kd(student.detach(), teacher)


class BadBatches(Sick):
    """Three batches of random tokens."""

    traces = (Trace(("many",), ("loss-spike",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, every=1, averaged=False)

    def prepare(self) -> None:
        first = int(0.6 * self.plan.steps)
        self.bad = self.luck.sample(range(first, self.plan.steps), 3)

    def terms(self, ids: Tensor, step: int) -> tuple[dict[str, Tensor], Row]:
        found, extra = super().terms(ids, step)
        if step in self.bad and self.student.training:
            found["lm"] = 4 * found["lm"]
        return found, extra


class HeadFrozen(Sick):
    """The head does not require a gradient; the rest of the student makes up for it. No column tells."""

    def prepare(self) -> None:
        self.student.head.weight.requires_grad_(False)

    def parameters(self) -> list[nn.Parameter]:
        return [p for p in super().parameters() if p.requires_grad]


class OptimizerStateLost(Sick):
    """Adam's moments are lost at a resume. Its next steps are as large as before: no column tells."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.optimizer = self.make_optimizer()
            self.record.events.append((names.EVENT_RESUME, "", step))


ALL = (
    NeverSteps,
    StaleOptimizer,
    RateZero,
    RateTooHigh,
    NoWarmup,
    RateTooLow,
    ScheduleTooShort,
    LostInBf16,
    SummedLoss,
    AccumulationNotDivided,
    BrokenGradient,
    NoGradient,
    BadBatches,
    HeadFrozen,
    OptimizerStateLost,
)
