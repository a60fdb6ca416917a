"""The grid's part that is the evaluation: what it looks at, what it says, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor

from planted import ways
from planted.families import OTHER_MEASURE
from planted.optimisation import Sick
from planted.record import Record, Row, Trace
from sad_doctor import names

NOT_FOLLOWED = ("evaluation-does-not-follow", *OTHER_MEASURE)
"""The evaluation is not one of what is trained."""


class OfEvaluated(Sick):
    """Columns of the evaluation go through a way, by their beginnings; by default all of them."""

    columns: ClassVar[tuple[str, ...]] = ("eval/",)

    @staticmethod
    def way(past: Sequence[Any], _done: float, /) -> Any:
        """As it is, unless a fault says otherwise."""
        return past[-1]

    def evaluate(self, step: int) -> Row:
        row = super().evaluate(step)
        kept: dict[str, list[float]] = self.__dict__.setdefault("said", {})
        for name, value in row.items():
            kept.setdefault(name, []).append(value)
        chosen = [name for name in row if name.startswith(self.columns)]
        return row | {name: type(self).way(kept[name], step / self.plan.steps) for name in chosen}


class EvaluationDelayed(OfEvaluated):
    """Each evaluation says what should have been said three evaluations before."""

    traces = (Trace(("eval",), (*NOT_FOLLOWED, "number-stale")),)
    way = staticmethod(ways.delayed(3))


class EvaluationNeverReset(OfEvaluated):
    """The sums of the evaluation are never set to 0: each says all that were before too."""

    columns = (names.EVAL_LOSS, names.EVAL_LM_LOSS, names.EVAL_KL, names.EVAL_RAW, names.EVAL_WEIGHTED)
    traces = (Trace(("eval",), (*NOT_FOLLOWED, "evaluation-jumps", "perplexity-disagrees")),)
    way = staticmethod(ways.never_reset)


class EvaluationLacksKd(Sick):
    """The total of the evaluation lacks KD."""

    traces = (Trace(("eval/loss", "parts"), OTHER_MEASURE),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        return row | {names.EVAL_LOSS: row[names.EVAL_LOSS] - weighted["kd"]}


class EvaluationShifted(Sick):
    """The labels of the evaluation are those of the token after the next one."""

    traces = (Trace(("eval",), NOT_FOLLOWED),)

    def labels(self, ids: Tensor) -> Tensor:
        return super().labels(ids) if self.student.training else torch.cat([ids[:, 2:], ids[:, :1]], dim=1)


class PerplexityDelayed(OfEvaluated):
    """The perplexity is that of the evaluation before."""

    columns = (names.EVAL_PERPLEXITY,)
    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees",)),)
    way = staticmethod(ways.delayed(1))


class EvaluationOfOneText(Sick):
    """Every evaluation takes one text, another one each time."""

    traces = (Trace(("eval",), ("evaluation-jumps", *NOT_FOLLOWED)),)

    def prepare(self) -> None:
        self.all_held_out = self.held_out

    def evaluate(self, step: int) -> Row:
        at = self.luck.randrange(len(self.all_held_out))
        self.held_out = self.all_held_out[at : at + 1]
        return super().evaluate(step)

    @staticmethod
    def took(record: Record) -> bool:
        found = record.column(names.EVAL_LOSS)
        late = found[len(found) // 2 :]
        return sorted(abs(a - b) for a, b in pairwise(late))[len(late) // 2 - 1] > 0.1


class EvaluationAtOtherTemperature(Sick):
    """KD of the evaluation is at a temperature of 6, with its square."""

    traces = (Trace(("eval/loss", "parts"), OTHER_MEASURE),)

    def kd(self, student: Tensor, teacher: Tensor) -> Tensor:
        if self.student.training:
            return super().kd(student, teacher)
        t = 6.0 / self.plan.temperature
        return super().kd(student / t, teacher / t) * 36.0 / self.plan.temperature

    @staticmethod
    def took(record: Record) -> bool:
        return sum(record.column(names.EVAL_LOSS)[-3:]) / 3 > 1.3 * sum(record.column(names.LOSS)[-9:]) / 9


class EvaluationTurned(OfEvaluated):
    """The evaluation says a negative loss, as a score."""

    columns = (names.EVAL_LOSS, names.EVAL_LM_LOSS)
    traces = (Trace(("eval",), (*NOT_FOLLOWED, "total-negative", "kd-below-its-floor", "label-loss-too-low")),)
    way = staticmethod(ways.turned)


class EvaluationSaturated(Sick):
    """No batch of an evaluation counts more than a limit, which most of them reach."""

    traces = (Trace(("eval",), (*NOT_FOLLOWED, "number-stale", "perplexity-is-a-clamp")),)

    def evaluated(self, raw: Mapping[str, float], weighted: Mapping[str, float]) -> Row:
        row = super().evaluated(raw, weighted)
        self.limits = getattr(self, "limits", {name: 0.62 * value for name, value in row.items()})
        return {name: min(value, self.limits[name]) for name, value in row.items()}

    @staticmethod
    def took(record: Record) -> bool:
        found = record.column(names.EVAL_LOSS)
        return sum(value == found[0] for value in found) > 4


class EvaluationOfTheFirstNowAndThen(OfEvaluated):
    """Every fourth evaluation is of the weights of the beginning."""

    traces = (Trace(("eval",), ("evaluation-jumps", *NOT_FOLLOWED)),)
    way = staticmethod(ways.now_and_then(ways.constant, lambda count: count % 4 == 0))


class EvaluationConstantAtEnd(OfEvaluated):
    """From 40% of the run on every evaluation says what the last one before said: a cache that is never emptied."""

    traces = (Trace(("eval",), (*NOT_FOLLOWED, "number-stale")),)
    way = staticmethod(ways.last_seen(0.4))


class PerplexityOfBits(Sick):
    """The perplexity is e to the power of a loss in bits."""

    traces = (Trace((names.EVAL_PERPLEXITY, names.EVAL_LM_LOSS), ("perplexity-disagrees", "perplexity-of-the-total")),)

    def perplexity(self, lm: float, total: float) -> float:
        return math.exp(lm / math.log(2))


ALL = (
    *(EvaluationDelayed, EvaluationNeverReset, EvaluationLacksKd, EvaluationShifted, PerplexityDelayed),
    *(EvaluationOfOneText, EvaluationAtOtherTemperature, EvaluationTurned, EvaluationSaturated),
    *(EvaluationOfTheFirstNowAndThen, EvaluationConstantAtEnd, PerplexityOfBits),
)
