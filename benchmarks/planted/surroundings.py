"""Faults of the evaluation, and of the run itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace

from planted.model import Tiny
from planted.optimisation import Sick
from planted.record import Plan, Row, Stopped, Trace
from sad_doctor import names


class ClampedPerplexity(Sick):
    """exp(min(20, loss)), of a loss that is summed over a text."""

    traces = (Trace((names.EVAL_PERPLEXITY,), ("perplexity-is-a-clamp",)),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(min(20, lm * self.plan.length))


class PerplexityOfTheTotal(Sick):
    """exp of all terms together."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LOSS), ("perplexity-of-the-total",)),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(total)


class PerplexityOfBaseTwo(Sick):
    """2 to the power of a loss in nats."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees",)),)

    def perplexity(self, lm: float, total: float) -> float:
        return 2**lm


class EvaluationUsesFullWeights(Sick):
    """A curriculum in training, its last weights at every evaluation."""

    traces = (Trace(("eval/loss", "parts"), ("evaluation-objective-differs",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "kd": 12.0})

    def weights(self, step: int) -> dict[str, float]:
        share = 0.05 + 0.1 * step / self.plan.steps if self.student.training else 1.0
        return {**self.plan.weights, "kd": self.plan.weights["kd"] * share}

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        return super().evaluated(raw, {term: self.plan.weights[term] * value for term, value in raw.items()})


class SummedEvaluation(Sick):
    """The evaluation's losses are sums over its batches. Without parts it may be of harder text."""

    traces = (Trace(("eval/loss", "parts"), ("evaluation-objective-differs",)),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        summed = {name: value * 6 for name, value in row.items() if name != names.EVAL_PERPLEXITY}
        return row | summed


class EvaluationInTrainMode(Sick):
    """Dropout is on at the evaluation: a little worse than it should be, which no column tells."""

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, dropout=0.1)

    def evaluate(self, step: int) -> Row:
        self.student.eval = self.student.train  # type: ignore[method-assign]
        return super().evaluate(step)


class EvaluatesACopy(Sick):
    """The evaluation looks at a copy made before the training, such as an average that is never updated."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", "weights-frozen")),)

    def prepare(self) -> None:
        self.copied = copy.deepcopy(self.student), copy.deepcopy(self.projector)

    def evaluate(self, step: int) -> Row:
        trained = self.student, self.projector
        self.student, self.projector = self.copied
        row = super().evaluate(step)
        self.student, self.projector = trained
        return row


class ResumedWithNewWeights(Sick):
    """After a resume the student starts from the beginning."""

    traces = (
        Trace(("resume",), ("resume-jumps",)),
        Trace((), ("resume-jumps", "loss-diverges", "loss-spike")),
    )

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="constant")

    def before(self, step: int) -> None:
        if step == int(0.7 * self.plan.steps):
            plan = self.plan
            self.student = Tiny(plan.vocabulary, plan.width, 2, 4, plan.length, plan.dropout)
            self.optimizer = self.make_optimizer()
            self.record.events.append((names.EVENT_RESUME, "", step))


class MemoryGrows(Sick):
    """Something keeps every step's graph."""

    traces = (Trace((names.MEMORY,), ("memory-grows",)),)

    def memory_of(self, step: int) -> float:
        return super().memory_of(step) * (1 + self.luck_growth * step / self.plan.steps)

    def prepare(self) -> None:
        self.luck_growth = self.luck.uniform(0.8, 3)


class Slower(Sick):
    """From some step on every step takes several times as long."""

    traces = (Trace(("speed",), ("throughput-falls",)),)

    def prepare(self) -> None:
        self.slow_from = int(self.plan.steps * self.luck.uniform(0.3, 0.7))
        self.factor = self.luck.uniform(3, 6)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (self.factor if step >= self.slow_from else 1)


class Crash(Sick):
    """Ends at an evaluation, with an error."""

    traces = (Trace(("traceback",), ("crash",)),)
    errors = (
        "RuntimeError: The size of tensor a (168) must match the size of tensor b (160) at non-singleton dimension 1",
        "RuntimeError: expected m1 and m2 to have the same dtype, but got: float != c10::Half",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 3.70 GiB. GPU 0 has a total capacity of 15.89 "
        "GiB of which 1.23 GiB is free.",
        "RuntimeError: The size of tensor a (49152) must match the size of tensor b (151936) at non-singleton "
        "dimension 2",
    )

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.6):
            error = self.luck.choice(self.errors)
            frame = '  File "train.py", line 212, in evaluate\n    loss = criterion(student, teacher)\n'
            self.record.traceback = f"Traceback (most recent call last):\n{frame}{error}\n"
            self.record.events.append((names.EVENT_CRASH, error, step))
            self.record.status = "crashed"
            raise Stopped


class Silent(Sick):
    """Said to be running, and silent for hours."""

    traces = (Trace(("status",), ("no-sign-of-life",)),)

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.5):
            self.record.status, self.record.silent = "running", 3 * 3600.0
            raise Stopped


ALL = (
    ClampedPerplexity,
    PerplexityOfTheTotal,
    PerplexityOfBaseTwo,
    EvaluationUsesFullWeights,
    SummedEvaluation,
    EvaluationInTrainMode,
    EvaluatesACopy,
    ResumedWithNewWeights,
    MemoryGrows,
    Slower,
    Crash,
    Silent,
)
