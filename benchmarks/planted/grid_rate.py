"""The grid's part that is the learning rate: every way in which a schedule can go wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from planted import ways
from planted.families import BLOWN_UP, SET_BACK, SLOW
from planted.loop import HARDLY_LEARNS
from planted.optimisation import Sick
from planted.record import Plan, Record, Trace
from sad_doctor import names

ODD = ("learning-rate-odd", "learning-rate-zero")
"""The rate itself shows it."""


class OfRate(Sick):
    """The schedule's rate goes through a way: only a log with the rate can show it."""

    traces: ClassVar[tuple[Trace, ...]] = (Trace((names.LEARNING_RATE,), ODD),)

    @staticmethod
    def way(past: Sequence[Any], _done: float, /) -> Any:
        """As it is, unless a fault says otherwise."""
        return past[-1]

    def learning_rate(self, step: int) -> float:
        past: list[float] = self.__dict__.setdefault("rates", [])
        past.append(super().learning_rate(step))
        return float(type(self).way(past, step / self.plan.steps))


class RateMirrored(Sick):
    """The schedule runs backwards: from nothing to its top at the last step."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, *BLOWN_UP)),)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, schedule="linear", warmup=0.0)

    def learning_rate(self, step: int) -> float:
        return super().learning_rate(self.plan.steps - step)


class RateNowAndThen(OfRate):
    """In every third step the rate is 0: two schedulers take turns."""

    way = staticmethod(ways.now_and_then(ways.missing, lambda count: count % 7 in (1, 4, 6)))


class RatePastItsEnd(Sick):
    """A cosine over 60% of the steps, which goes on as a cosine does: up again."""

    traces = (Trace((names.LEARNING_RATE,), ODD),)

    def learning_rate(self, step: int) -> float:
        return self.plan.rate * 0.5 * (1 + math.cos(math.pi * step / (0.6 * self.plan.steps)))


class RateDelayed(OfRate):
    """The schedule begins after 45% of the run; before that the rate is 0."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, "weights-frozen")),)
    way = staticmethod(ways.until(0.45, ways.missing))


class RateDecaysEachStep(OfRate):
    """A decay that was meant for each epoch is applied in each step."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, *SLOW)),)
    way = staticmethod(lambda past, _done: past[-1] * 0.94 ** len(past))


def _jittered(past: Sequence[Any], _done: float) -> Any:
    return past[-1] * 10 ** math.sin(len(past) * len(past))


class RateJitters(OfRate):
    """Every step has another rate, from a tenth to ten times what is planned."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, *BLOWN_UP)),)
    way = staticmethod(_jittered)


class RateJumps(OfRate):
    """In the middle of the run the rate becomes sixty times as large."""

    traces = (
        Trace((names.LEARNING_RATE,), (*ODD, *BLOWN_UP, *SET_BACK)),
        Trace((), (*BLOWN_UP, *SET_BACK), ways.rises),
    )
    way = staticmethod(ways.since(0.5, ways.scaled(60.0)))


class RateNegative(OfRate):
    """The rate has the wrong sign."""

    traces = (
        Trace((names.LEARNING_RATE,), (*ODD, *BLOWN_UP, "weight-negative", "worse-than-uniform", "student-no-better")),
        Trace((), (*BLOWN_UP, "worse-than-uniform", "student-no-better")),
    )
    way = staticmethod(ways.turned)


class RateOfTheFirstStep(OfRate):
    """The scheduler is never stepped: the rate stays at that of the first step of a long warm-up."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, *SLOW)), *HARDLY_LEARNS)
    way = staticmethod(ways.constant)

    def planned(self, plan: Plan) -> Plan:
        return replace(plan, warmup=0.9)

    @staticmethod
    def took(record: Record) -> bool:
        return ways.hardly(record)


class RateSummed(OfRate):
    """Each step adds its rate to the one before: it never comes down."""

    traces = (Trace((names.LEARNING_RATE,), (*ODD, *BLOWN_UP)), Trace((), BLOWN_UP, ways.rises))
    way = staticmethod(ways.never_reset)


ALL = (
    *(RateMirrored, RateNowAndThen, RatePastItsEnd, RateDelayed, RateDecaysEachStep),
    *(RateJitters, RateJumps, RateNegative, RateOfTheFirstStep, RateSummed),
)
