"""The learning-rate schedules that have a name, in closed form, in each of the conventions that are in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import product


class Schedule(StrEnum):
    """What a schedule does after the warm-up: from the peak to 0 at the end of the run."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"
    """Half a cosine."""


Form = Callable[[int], float]
"""Share of the peak learning rate at an optimizer step, counted from 0."""


def factor(schedule: Schedule, step: int, total: int, warmup: int) -> float:
    """Return the share of the peak at ``step`` (from 0) of ``total``: 0 at the first step of a warm-up, 0 after the
    last step.
    """
    return step / warmup if step < warmup else _decayed(schedule, (step - warmup) / max(1, total - warmup))


def forms(schedule: Schedule, total: int, warmup: int) -> list[Form]:
    """Return every convention of a schedule.

    They differ in small things that a name leaves open: whether the first step of the warm-up has rate 0, 1/w or
    1/(w + 1), and whether 0 is reached at the last step or one step after it.
    """
    rises: list[Form] = [lambda k: k / warmup, lambda k: (k + 1) / warmup, lambda k: (k + 1) / (warmup + 1)]

    def form(rise: Form, ahead: int, longer: int) -> Form:
        span = max(1, total - warmup + longer)
        return lambda k: rise(k) if k < warmup else _decayed(schedule, (k + ahead - warmup) / span)

    return [form(*one) for one in product(rises, (0, 1), (-1, 0, 1))]


def distance(rates: Sequence[float], schedule: Schedule, total: int, warmup: int, peak: float) -> float:
    """Return how far, in shares of ``peak``, the rates of the steps are from the schedule in its nearest convention."""
    return min(
        max((abs(rate / peak - form(k)) for k, rate in enumerate(rates)), default=0.0)
        for form in forms(schedule, total, warmup)
    )


def _decayed(schedule: Schedule, progress: float) -> float:
    progress = min(1.0, max(0.0, progress))
    if schedule is Schedule.CONSTANT:
        return 1.0
    return 1.0 - progress if schedule is Schedule.LINEAR else 0.5 * (1.0 + math.cos(math.pi * progress))
