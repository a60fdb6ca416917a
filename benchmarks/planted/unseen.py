"""Faults that were written when the rules were thought final, judged once, and later used to mend rules by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from planted.families import BLOWN_UP, SLOW
from planted.optimisation import Sick
from planted.record import Plan, Record, Row, Stopped, Trace
from sad_doctor import names


class LayerwiseDetached(Sick):
    """The layerwise term has no gradient into the student: it keeps its level."""

    traces = (Trace(("layerwise", "parts"), ("term-stays", "layerwise-stays", "kd-stays")),)

    def layerwise(self, student: Tensor, teacher: Tensor) -> Tensor:
        return super().layerwise(student.detach(), teacher).detach()


class KdSubtracted(Sick):
    """KD is subtracted: the student leaves its teacher."""

    traces = (Trace(("kd", "lm"), ("weight-negative", "kd-stays", *BLOWN_UP, "parts-do-not-sum")),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, weights={**plan.weights, "kd": -0.3})


class SoftmaxTwice(Sick):
    """The teacher's probabilities are taken for its logits: every target is nearly flat."""

    traces = (Trace((names.TEACHER_ENTROPY,), ("targets-degenerate",)),)

    def teach(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        logits, states = super().teach(ids)
        return logits.softmax(-1), states


class NanAtEvaluation(Sick):
    """An evaluation batch without one label."""

    traces = (Trace(("eval",), ("non-finite",)),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return {name: math.nan for name in row} if len(self.record.rows) > 20 else row


class StaleLoss(Sick):
    """The total that is logged is the first one, for ever."""

    traces = (
        Trace(("parts",), ("number-stale", "parts-do-not-sum")),
        Trace(("eval/loss",), ("number-stale", "early-plateau")),
    )

    def logged(self, row: Row, step: int) -> Row:
        self.first = getattr(self, "first", row[names.LOSS])
        return row | {names.LOSS: self.first}


class HugeDecay(Sick):
    """A weight decay that shrinks the weights faster than the gradient moves them."""

    traces = (
        Trace(("many", "planned"), (*BLOWN_UP, *SLOW, "worse-than-uniform")),
        Trace((names.EVAL_LM_LOSS,), (*BLOWN_UP, *SLOW, "worse-than-uniform")),
    )

    def make_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.plan.rate, betas=(0.9, 0.98), weight_decay=60.0)

    @staticmethod
    def took(record: Record) -> bool:
        lm = record.column(names.EVAL_LM_LOSS)
        return lm[-1] > 0.97 * lm[1]


class TwoTextsInTurn(Sick):
    """Long stretches of easy and of hard texts in turn, never mixed."""

    traces = (Trace(("many", "planned"), ("loss-oscillates",)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, steps=480, every=2, evaluate_every=60, averaged=False)

    def micro_batch(self, step: int) -> Tensor:
        ids = super().micro_batch(step)
        if step // 30 % 2:
            ids = torch.randint(self.plan.vocabulary, ids.shape, generator=self.random)
        return ids


class OutOfMemory(Sick):
    """The system ends the process; the console has its word."""

    traces = (Trace(("traceback",), ("crash",)),)

    def before(self, step: int) -> None:
        if step == int(self.plan.steps * 0.8):
            error = "torch.OutOfMemoryError: HIP out of memory. Tried to allocate 512.00 MiB."
            self.record.traceback = f'Traceback (most recent call last):\n  File "a.py", line 9, in <module>\n{error}\n'
            self.record.events.append((names.EVENT_CRASH, error, step))
            self.record.status = "crashed"
            raise Stopped


ALL = (
    LayerwiseDetached,
    KdSubtracted,
    SoftmaxTwice,
    NanAtEvaluation,
    StaleLoss,
    HugeDecay,
    TwoTextsInTurn,
    OutOfMemory,
)
