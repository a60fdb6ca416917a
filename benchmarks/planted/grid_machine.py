"""The grid's parts that are the checkpoint, what is taken up from it, and the machine; and healthy runs beside them."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import ClassVar

import torch
from torch import nn

from planted import ways
from planted.families import BLOWN_UP, SET_BACK, SLOW
from planted.measures import OfAverage
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Stopped, Trace
from planted.training import Training
from sad_doctor import names


class OfResume(Sick):
    """At 60% of the run it is taken up again, and something is not as it was."""

    traces: ClassVar[tuple[Trace, ...]] = (Trace((), SET_BACK),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="constant")

    @property
    def cut(self) -> int:
        return int(0.6 * self.plan.steps)

    def before(self, step: int) -> None:
        if step == self.cut // 4:
            self.old = copy.deepcopy(self.student.state_dict())
        if step == self.cut:
            self.restored()
            self.record.events.append((names.EVENT_RESUME, "", step))

    def restored(self) -> None:
        """What is loaded."""

    @staticmethod
    def took(record: Record, /) -> bool:
        # the loss after it stands clearly above the loss before it
        cut = int(0.6 * record.plan.steps)
        loss = [(step, row[names.LOSS]) for step, _, row in record.rows if names.LOSS in row]
        before, after = [v for s, v in loss if s < cut][-7:], [v for s, v in loss if s >= cut][:3]
        return sum(after) / len(after) > 1.25 * sum(before) / len(before)


class ResumedStale(OfResume):
    """The checkpoint is one from long before, and the counter goes on from now."""

    def restored(self) -> None:
        self.student.load_state_dict(self.old)


class ResumedWithoutHead(OfResume):
    """Names that do not match are passed over: the head is a new one."""

    def restored(self) -> None:
        nn.init.normal_(self.student.head.weight, std=0.2)


class ResumedSwapped(OfResume):
    """The blocks are loaded in the wrong order."""

    def restored(self) -> None:
        first, second = (copy.deepcopy(block.state_dict()) for block in self.student.blocks)
        self.student.blocks[0].load_state_dict(second)
        self.student.blocks[1].load_state_dict(first)


class ResumedScaled(OfResume):
    """The weights are loaded twice: a sum of two checkpoints."""

    def restored(self) -> None:
        with torch.no_grad():
            for p in self.student.parameters():
                p.mul_(2.0)


class ResumedRateScaled(OfResume):
    """After it the rate is forty times as large: it was multiplied by the batch once more."""

    traces = (
        Trace((names.LEARNING_RATE,), ("learning-rate-odd", *SET_BACK, *BLOWN_UP)),
        Trace((), (*SET_BACK, *BLOWN_UP), ways.rises),
    )
    took = staticmethod(lambda _record: True)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(step) * (40.0 if step >= self.cut else 1.0)


class ResumedAtRateZero(OfResume):
    """After it the schedule is at its end: the rate is 0."""

    traces = (
        Trace((names.LEARNING_RATE,), ("learning-rate-zero", "learning-rate-odd", "resume-jumps")),
        Trace(("eval",), ("weights-frozen", *SLOW, "number-stale")),
    )
    took = staticmethod(lambda _record: True)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(step) if step < self.cut else 0.0


class CounterLeaps(OfResume):
    """After it the steps are counted from a thousand further on."""

    traces = (Trace((), ("counters-disagree", "resume-jumps", "no-sign-of-life")),)
    took = staticmethod(lambda _record: True)

    def write(self, step: int, row: Row) -> None:
        super().write(step if step < self.cut else step + 1000, row)


class SavedInFourBits(Sick):
    """Every save, five in the run, rounds the weights in place to fifteen levels."""

    traces = (Trace((), (*SET_BACK, *SLOW)),)

    def update(self, step: int) -> None:
        super().update(step)
        if step % (self.plan.steps // 5) == 0:
            with torch.no_grad():
                for p in self.student.parameters():
                    unit = p.abs().max() / 7 + 1e-12
                    p.copy_((p / unit).round() * unit)

    @staticmethod
    def took(record: Record) -> bool:
        save, loss = record.plan.steps // 5, [(s, row[names.LOSS]) for s, _, row in record.rows if names.LOSS in row]
        rises = []
        for number in (2, 3, 4):
            before = [v for s, v in loss if s <= number * save][-4:]
            after = [v for s, v in loss if s > number * save][:2]
            rises.append(sum(after) / len(after) / (sum(before) / len(before)))
        return sorted(rises)[1] > 1.25


class MemoryDoublesOnce(Sick):
    """In the middle of the run a second copy of the model comes onto the device, and stays."""

    traces = (Trace((names.MEMORY,), ("memory-grows", "level-breaks")),)

    def memory_of(self, step: int) -> float:
        return super().memory_of(step) * (2.0 if step > self.plan.steps / 2 else 1.0)


class Throttled(Sick):
    """The device is too hot in stretches of thirty steps, which take three times as long."""

    traces = (Trace(("speed",), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (3.0 if step // 30 % 2 else 1.0)


class DiskFull(Sick):
    """The save finds no room."""

    traces = (Trace(("traceback",), ("crash",)),)

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.5):
            error = "OSError: [Errno 28] No space left on device"
            self.record.traceback = (
                f'Traceback (most recent call last):\n  File "train.py", line 40, in save\n{error}\n'
            )
            self.record.events.append((names.EVENT_CRASH, error, step))
            self.record.status = "crashed"
            raise Stopped


class InverseRoot(Training):
    """Healthy: a rate that falls as one over the root of the step."""

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * min(step / 10, math.sqrt(10 / step))


class WarmedAnewAtResume(OfResume):
    """Healthy: a faithful resume that warms the rate up once more over some steps, on purpose."""

    sick = False
    traces = ()

    def learning_rate(self, step: int) -> float:
        since = step - self.cut
        return super().learning_rate(step) * (min(1.0, (since + 1) / 10) if since >= 0 else 1.0)


class AverageEvaluated(OfAverage):
    """Healthy: evaluations look at a running average of the weights that keeps up."""

    keeps_up = 0.15


class Momentum(Training):
    """Healthy: gradient descent with momentum, at a rate that suits it."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=0.5)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate, momentum=0.9)


class SignsOnly(Training):
    """Healthy: an optimizer that takes the sign of an average, as Lion does."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, rate=plan.rate / 4)

    def make_optimizer(self) -> torch.optim.Optimizer:
        return _Signs(self.parameters(), self.plan.rate)


class _Signs(torch.optim.Optimizer):
    def __init__(self, parameters: list[nn.Parameter], rate: float) -> None:
        super().__init__(parameters, {"lr": rate})
        self.means: dict[int, torch.Tensor] = {}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    mean = self.means.setdefault(id(p), torch.zeros_like(p))
                    p.sub_(group["lr"] * (0.9 * mean + 0.1 * p.grad).sign())
                    mean.lerp_(p.grad, 0.02)


class PausedForHours(Training):
    """Healthy: the machine is lent to others for six hours in the middle of the run."""

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            self.clock += 6 * 3600.0


ALL = (
    *(ResumedStale, ResumedWithoutHead, ResumedSwapped, ResumedScaled, ResumedRateScaled, ResumedAtRateZero),
    *(CounterLeaps, SavedInFourBits, MemoryDoublesOnce, Throttled, DiskFull),
    *(InverseRoot, WarmedAnewAtResume, AverageEvaluated, Momentum, SignsOnly, PausedForHours),
)
