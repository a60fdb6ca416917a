"""Can this student, at this learning rate, overfit one batch?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sad.preflight.bench import Bench
from sad.preflight.finding import Finding, Level
from sad.recipe.schema import PRETRAINED_RATE, RATES
from sad.train.optimizer import set_learning_rate
from sad.train.step import take_step

TOPIC = "overfits one batch"
STEPS = 24
HALVED, IN_A_ROW = 0.5, 3
"""Stop early once this many steps in a row are at or below this share of the first loss."""
CLEARLY, AT_ALL = 0.8, 0.97
"""Share of the first loss that may be left after ``STEPS`` steps on one batch: fine below the first, wrong above the
second."""


def overfit(bench: Bench) -> Iterator[Finding]:
    """Take the run's own steps, at its peak learning rate, on one batch again and again."""
    rate = bench.plan.recipe.train.learning_rate
    first, last, steps, skipped = _trained(bench, rate)
    left = last / first if first > 0 else math.nan
    numbers = {"first": first, "last": last, "left": left, "steps": steps, "skipped": skipped}
    says = f"{first:.3f} to {last:.3f} in {steps} steps on one batch at learning rate {rate:g}"
    if left <= CLEARLY and not skipped:
        yield Finding(TOPIC, Level.FINE, says, numbers=numbers)
        return
    usual = _usual(bench.plan.recipe.student.model)
    more: dict[str, Any] = {"numbers": numbers}
    if (better := _better(bench, rate, usual, left)) is not None:
        more["edits"] = {"train.learning_rate": better}
    else:
        more["advice"] = "no learning rate tried here helps: look at the findings on gradients and labels"
    if skipped:
        says += f"; {skipped} steps were not finite and left out"
    if not left <= AT_ALL or skipped:
        yield Finding(TOPIC, Level.WRONG, f"the loss does not fall: {says}", **more)
    else:
        yield Finding(TOPIC, Level.WARNING, f"the loss hardly falls: {says}", **more)


def _trained(bench: Bench, rate: float) -> tuple[float, float, int, int]:
    """Return the first and the last loss, the steps that were taken, and how many of them were left out."""
    with bench.kit() as kit:
        batch = kit.collated(bench.few[1:4:2])
        objective = kit.objective
        # the same weights at the first step and the last, or the losses would not compare
        objective.shares = None
        recipe = kit.plan.recipe.train.model_copy(update={"learning_rate": rate, "warmup": 0.0})
        for group in kit.optimizer.param_groups:
            group["peak"] *= rate / kit.plan.recipe.train.learning_rate
        learner, losses, skipped = kit.learner, [], 0
        for step in range(STEPS):
            # three quarters at the peak, then down, as a run ends
            set_learning_rate(kit.optimizer, max(0, step - 3 * STEPS // 4), STEPS // 4 + 1, recipe)
            done = take_step(learner, [batch], recipe.clip, measure_update=False)
            skipped += not done.finite
            losses.append(done.ledger.loss)
            if not skipped and max(losses[-IN_A_ROW:]) <= HALVED * losses[0]:
                break
    return losses[0], losses[-1], len(losses), skipped


def _usual(student: str) -> float:
    return next((rate for start, rate in RATES.items() if student.startswith(start)), PRETRAINED_RATE)


def _better(bench: Bench, rate: float, usual: float, left: float) -> float | None:
    """Return a learning rate at which the loss falls clearly, tried here; None if none does."""
    for other in dict.fromkeys((usual, rate / 10, rate * 10)):
        if other == rate:
            continue
        first, last, _, skipped = _trained(bench, other)
        if not skipped and first > 0 and last / first <= min(CLEARLY, left if left == left else CLEARLY):
            return float(f"{other:.2g}")
    return None
