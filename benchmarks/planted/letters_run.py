"""Faults that an engineer would plant first: checkpoints, the evaluation, what is written, the machine."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import torch
from torch import Tensor

from planted.families import BLOWN_UP, SET_BACK
from planted.letters import LETTERS, Ill
from planted.model import Tiny
from planted.record import Plan, Row, Stopped, Trace
from sad_doctor import names

MEASURE = ("evaluation-objective-differs", "totals-differ", "perplexity-disagrees", "label-loss-apart")


class ResumeLosesStudent(Ill):
    """From the middle on the student is a new one: the checkpoint's names had a prefix and were passed over."""

    traces = (Trace((), SET_BACK),)

    def before(self, step: int) -> None:
        if step == self.plan.steps // 2:
            fresh = Tiny(LETTERS, self.plan.width, 2, 4, self.plan.length)
            self.student.load_state_dict(fresh.state_dict())


class ResumeOldWeights(Ill):
    """At 70% the weights of 10% are loaded."""

    traces = (Trace((), SET_BACK),)

    def before(self, step: int) -> None:
        if step == self.plan.steps // 10:
            self.old = copy.deepcopy(self.student.state_dict())
        if step == int(0.7 * self.plan.steps):
            self.student.load_state_dict(self.old)


class ResumeAtTheTop(Ill):
    """At 60% the schedule starts anew, at the top of its rate, and ends in the middle."""

    traces = (Trace((names.LEARNING_RATE,), ("learning-rate-odd", "resume-jumps")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), schedule="linear")

    def learning_rate(self, step: int) -> float:
        cut = int(0.6 * self.plan.steps)
        return super().learning_rate(step if step < cut else step - cut + 2)


class StepsCountedAnew(Ill):
    """After the resume, at 40%, steps are counted from 1."""

    traces = (Trace((), ("counters-disagree", "resume-jumps")),)

    def write(self, step: int, row: Row) -> None:
        cut = int(0.4 * self.plan.steps)
        super().write(step if step <= cut else step - cut, row)


class EvaluatesTheBeginning(Ill):
    """The evaluation has a copy of the student that was made before the first step."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", "weights-frozen")),)

    def begin(self) -> None:
        self.kept = copy.deepcopy(self.student)

    def evaluate(self, step: int) -> Row:
        student, self.student = self.student, self.kept
        row = super().evaluate(step)
        self.student = student
        return row


class PerplexityOfTotal(Ill):
    """Perplexity is exp of the total, KD and labels."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-of-the-total", "perplexity-disagrees")),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(total)


class EvaluationNotDivided(Ill):
    """The evaluation adds its four batches up."""

    traces = (Trace(("eval",), MEASURE),)

    def evaluate(self, step: int) -> Row:
        row = super().evaluate(step)
        return {k: v if k == names.EVAL_PERPLEXITY else 4 * v for k, v in row.items()}


class EvaluationAtTemperatureOfKd(Ill):
    """The evaluation's label loss is of logits divided by the temperature."""

    traces = (Trace(("lm",), (*MEASURE, "overfitting", "evaluation-does-not-follow", "certainty-disagrees")),)

    def lm(self, student: Tensor, labels: Tensor) -> Tensor:
        return super().lm(student if self.student.training else student / self.plan.temperature, labels)


class LossOfAllSoFar(Ill):
    """The loss that is written is the sum since the start, divided by the interval of records."""

    traces = (Trace(("eval",), ("noise-missing", "totals-differ", "number-stale", "evaluation-objective-differs")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(super().planned(plan), averaged=False)

    so_far = 0.0

    def logged(self, row: Row, step: int) -> Row:
        self.so_far += row[names.LOSS]
        return {**row, names.LOSS: self.so_far}


class SlowFromTheMiddle(Ill):
    """From the middle on a step takes six times as long: the loader has one worker left."""

    traces = (Trace((names.TOKENS_PER_SECOND,), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (6 if step > self.plan.steps / 2 else 1)


class GraphsKept(Ill):
    """total += loss keeps every graph."""

    traces = (Trace((names.MEMORY,), ("memory-grows",)),)

    def memory_of(self, step: int) -> float:
        return super().memory_of(step) + 2e7 * step


class Ended(Ill):
    """Ends in a traceback."""

    traces = (Trace(("traceback",), ("crash",)),)
    error = ""

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.7):
            frame = '  File "/home/me/distil.py", line 88, in <module>\n    loss.backward()\n'
            self.record.traceback = f"Traceback (most recent call last):\n{frame}{self.error}\n"
            self.record.events.append((names.EVENT_CRASH, self.error, step))
            self.record.status = "crashed"
            raise Stopped


class DeviceAssert(Ended):
    """A label outside of the vocabulary, on a GPU."""

    error = "RuntimeError: CUDA error: device-side assert triggered"


class VocabulariesDiffer(Ended):
    """Teacher and student have two vocabularies."""

    error = (
        "RuntimeError: The size of tensor a (32000) must match the size of tensor b (50257) at non-singleton "
        "dimension 2"
    )


class CollectiveTimeout(Ended):
    """One process of two stopped."""

    error = (
        "torch.distributed.DistBackendError: [Rank 0] Watchdog caught collective operation timeout: "
        "WorkNCCL(SeqNum=812, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600021 milliseconds before timing out."
    )


class WeightsThrown(Ill):
    """A bad batch at 45% with a huge gradient and no clip: the weights are thrown and recover slowly."""

    traces = (Trace((), (*SET_BACK, *BLOWN_UP)),)

    def update(self, step: int) -> None:
        super().update(step)
        if step == int(0.45 * self.plan.steps):
            with torch.no_grad():
                for p in self.student.parameters():
                    p.add_(torch.randn(p.shape, generator=self.random) * 0.3)


class AlphaRunsOut(Ill):
    """A curriculum meant for epochs is counted in steps: KD's weight is 0 after a tenth of the run."""

    traces = (Trace(("kd", "parts"), ("term-vanishes", "falls-by-its-weights", "term-collapses")),)

    def weights(self, step: int) -> dict[str, float]:
        left = max(0.0, 1 - 10 * step / self.plan.steps)
        return {"kd": self.plan.weights["kd"] * left, "lm": self.plan.weights["lm"]}


ALL = (
    ResumeLosesStudent,
    ResumeOldWeights,
    ResumeAtTheTop,
    StepsCountedAnew,
    EvaluatesTheBeginning,
    PerplexityOfTotal,
    EvaluationNotDivided,
    EvaluationAtTemperatureOfKd,
    LossOfAllSoFar,
    SlowFromTheMiddle,
    GraphsKept,
    DeviceAssert,
    VocabulariesDiffer,
    CollectiveTimeout,
    WeightsThrown,
    AlphaRunsOut,
)
