"""Faults of what is measured, and of the machine, planted to see how far rules reach that were not made for them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch

from planted.families import OTHER_MEASURE
from planted.optimisation import Sick
from planted.record import Row, Stopped, Trace
from planted.training import Training
from sad_doctor import names


class PerplexityPerWord(Sick):
    """The perplexity is per word, the loss per token."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees",)),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(1.3 * lm)


class OfAverage(Training):
    """Evaluations look at a running average of the weights, which moves by ``keeps_up`` of the way at each step."""

    keeps_up: float

    def prepare(self) -> None:
        self.averages = copy.deepcopy(self.student), copy.deepcopy(self.projector)

    def update(self, step: int) -> None:
        super().update(step)
        with torch.no_grad():
            for average, model in zip(self.averages, (self.student, self.projector), strict=True):
                for old, new in zip(average.parameters(), model.parameters(), strict=True):
                    old.lerp_(new, self.keeps_up)

    def evaluate(self, step: int) -> Row:
        trained = self.student, self.projector
        self.student, self.projector = self.averages
        row = super().evaluate(step)
        self.student, self.projector = trained
        return row


class AverageTooSlow(OfAverage, Sick):
    """The evaluation looks at an average of the weights that hardly moves in a run of this length."""

    traces = (Trace(("eval",), ("evaluation-does-not-follow", "evaluation-objective-differs")),)
    keeps_up = 5e-4


class EvaluationIsPerplexity(Sick):
    """What is called the evaluation's loss is a perplexity."""

    traces = (Trace(("eval/loss", "parts"), OTHER_MEASURE),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return row | {names.EVAL_LOSS: row[names.EVAL_PERPLEXITY]}


class EvaluationInBits(Sick):
    """The evaluation is in bits, the training in nats."""

    traces = (Trace(("eval/loss", "parts"), OTHER_MEASURE),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return {k: v if k == names.EVAL_PERPLEXITY else v / math.log(2) for k, v in row.items()}


class SlowerAndSlower(Sick):
    """Every step takes a little longer than the one before, five times as long in the end."""

    traces = (Trace(("speed",), ("throughput-falls",)),)

    def seconds(self, step: int) -> float:
        return super().seconds(step) * (1 + 4 * step / self.plan.steps)


class MemoryStaircase(Sick):
    """Each evaluation keeps its results on the device."""

    traces = (Trace((names.MEMORY,), ("memory-grows",)),)

    def memory_of(self, step: int) -> float:
        return super().memory_of(step) * (1 + 0.15 * (step // self.plan.evaluate_every))


class LostConnection(Sick):
    """One process waits for another for too long."""

    traces = (Trace(("traceback",), ("crash",)),)

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.7):
            error = (
                "torch.distributed.DistBackendError: [Rank 0] Watchdog caught collective operation timeout: "
                "WorkNCCL(SeqNum=8122, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600031 milliseconds"
            )
            self.record.traceback = (
                f'Traceback (most recent call last):\n  File "train.py", line 90, in step\n{error}\n'
            )
            self.record.events.append((names.EVENT_CRASH, error, step))
            self.record.status = "crashed"
            raise Stopped


ALL = (
    PerplexityPerWord,
    AverageTooSlow,
    EvaluationIsPerplexity,
    EvaluationInBits,
    SlowerAndSlower,
    MemoryStaircase,
    LostConnection,
)
