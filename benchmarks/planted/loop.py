"""Faults of the training loop, planted to see how far rules reach that were not made for them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from planted.families import BLOWN_UP, SET_BACK, SLOW, STANDS
from planted.model import Tiny
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Trace
from sad_doctor import names

HARDLY_LEARNS = (
    Trace((names.UPDATE_RATIO, "planned"), SLOW),
    Trace(("many", "planned"), SLOW),
    Trace((names.EVAL_LM_LOSS,), SLOW),
)


class HardlyLearns(Sick):
    """Whatever keeps the evaluation within a twelfth of its start."""

    traces: ClassVar[tuple[Trace, ...]] = HARDLY_LEARNS

    @staticmethod
    def took(record: Record) -> bool:
        lm = record.column(names.EVAL_LM_LOSS)
        return lm[-1] > 0.92 * lm[0]


class PlainDescent(HardlyLearns):
    """Plain gradient descent with a learning rate that was meant for Adam."""

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.plan.rate)


class WarmupForever(HardlyLearns):
    """The warm-up is a hundred times longer than the run."""

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * step / (100 * self.plan.steps)


class OnlyNorms(HardlyLearns):
    """A filter by name leaves the optimizer only vectors: norms and biases."""

    def parameters(self) -> list[nn.Parameter]:
        return [p for p in super().parameters() if p.ndim == 1]

    def update(self, step: int) -> None:
        super().update(step)
        self.student.zero_grad()


class FourBitWeights(HardlyLearns):
    """Every tensor is kept in fifteen levels: nearly every update is rounded away, and the others are far too large."""

    traces = tuple(Trace(trace.needs, (*trace.causes, *BLOWN_UP)) for trace in HARDLY_LEARNS)

    def update(self, step: int) -> None:
        super().update(step)
        with torch.no_grad():
            for p in self.student.parameters():
                unit = p.abs().max() / 7
                p.copy_((p / unit).round() * unit)


class PlateauModeMax(Sick):
    """The schedule waits for the loss to rise: the rate falls to a tenth at every evaluation."""

    traces = (Trace((names.LEARNING_RATE,), SLOW),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * 0.1 ** (step // self.plan.evaluate_every)


class RateOfOneGroup(Sick):
    """The embeddings' group has a rate some hundred times higher."""

    traces = (Trace((), BLOWN_UP),)

    def make_optimizer(self) -> torch.optim.Optimizer:
        tables = [self.student.token.weight, self.student.place.weight]
        rest = [p for p in self.parameters() if all(p is not table for table in tables)]
        groups: list[dict[str, Any]] = [{"params": tables}, {"params": rest}]
        return torch.optim.AdamW(groups, lr=self.plan.rate, weight_decay=0.0)

    def update(self, step: int) -> None:
        self.optimizer.param_groups[0]["lr"] *= 400
        super().update(step)

    @staticmethod
    def took(record: Record) -> bool:
        loss = record.column(names.LOSS)
        return sorted(loss[-9:])[4] > 1.1 * min(loss)


class RateAnewAtResume(Sick):
    """At a resume the schedule begins again, at its top."""

    traces = (Trace((names.LEARNING_RATE, "resume"), ("resume-jumps", "learning-rate-odd", *SET_BACK)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="linear", warmup=0.0)

    def learning_rate(self, step: int) -> float:
        cut = int(0.7 * self.plan.steps)
        return super().learning_rate(step if step < cut else step - cut)

    def before(self, step: int) -> None:
        if step == int(0.7 * self.plan.steps):
            self.record.events.append((names.EVENT_RESUME, "", step))


class OldWeightsAtEvaluation(Sick):
    """Other weights are put in for each evaluation, and stay in: those of the beginning."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", "weights-frozen", *SET_BACK, "early-plateau")),)

    def prepare(self) -> None:
        self.kept = copy.deepcopy(self.student.state_dict()), copy.deepcopy(self.projector.state_dict())

    def evaluate(self, step: int) -> Row:
        self.student.load_state_dict(self.kept[0])
        self.projector.load_state_dict(self.kept[1])
        return super().evaluate(step)


class GradientsUnderflow(Sick):
    """float16 gradients of a loss that is scaled down: all of them are 0."""

    traces = (Trace(("eval",), STANDS), Trace((names.GRAD_NORM,), STANDS), Trace((names.UPDATE_RATIO,), STANDS))

    def prepare(self) -> None:
        for p in self.parameters():
            p.register_hook(lambda g: g.half().float())  # type: ignore[no-untyped-call]

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, weight_decay=0.0)

    def scaled(self, loss: Tensor) -> Tensor:
        return super().scaled(loss) * 1e-9


class ClippedBeforeUnscaling(Sick):
    """The gradient is clipped while it still has the loss scale."""

    traces = (Trace((names.GRAD_NORM,), ("gradient-always-clipped",)),)

    def scaled(self, loss: Tensor) -> Tensor:
        return super().scaled(loss) * 65536.0


class NewStudentEachEpoch(Sick):
    """The student is made inside the loop over epochs."""

    traces = (Trace((), (*SET_BACK, "early-plateau", "learns-little")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, texts=plan.batch * (plan.steps // 4), schedule="constant")

    def before(self, step: int) -> None:
        if step > 1 and (step - 1) % (self.plan.steps // 4) == 0:
            plan = self.plan
            self.student = Tiny(plan.vocabulary, plan.width, 2, 4, plan.length, plan.dropout)
            self.optimizer = self.make_optimizer()


class CounterRestarts(Sick):
    """The run is taken up again, and counts its steps from 1."""

    traces = (Trace((), ("resume-jumps",)),)

    def write(self, step: int, row: Row) -> None:
        cut = int(0.6 * self.plan.steps)
        super().write(step if step <= cut else step - cut, row)


class TermAddedTwice(Sick):
    """KD is added by the loss and by the loop."""

    traces = (Trace(("part kd",), ("parts-do-not-sum",)),)

    def total(self, weighted: Mapping[str, Tensor]) -> Tensor:
        return super().total(weighted) + weighted["kd"]

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return row | {names.EVAL_LOSS: row[names.EVAL_LOSS] + weighted["kd"]}


class DividedTwice(Sick):
    """The loss is divided by the number of micro-batches in the loop, and once more by the library."""

    traces = (Trace(("parts",), ("parts-do-not-sum",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, accumulation=4, batch=4)

    def scaled(self, loss: Tensor) -> Tensor:
        return super().scaled(loss) / self.plan.accumulation

    def logged(self, row: Row, step: int) -> Row:
        return row | {names.LOSS: row[names.LOSS] / self.plan.accumulation}


ALL = (
    PlainDescent,
    WarmupForever,
    OnlyNorms,
    FourBitWeights,
    PlateauModeMax,
    RateOfOneGroup,
    RateAnewAtResume,
    OldWeightsAtEvaluation,
    GradientsUnderflow,
    ClippedBeforeUnscaling,
    NewStudentEachEpoch,
    CounterRestarts,
    TermAddedTwice,
    DividedTwice,
)
