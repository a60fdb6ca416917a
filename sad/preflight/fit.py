"""Does the run fit, and how long will it take?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sad.preflight.bench import Bench, heaviest, padded
from sad.preflight.finding import Finding, Level
from sad.preflight.memory import Forecast, forecast

MEMORY, TIME = "memory", "time"
FEW = 20
"""Optimizer steps below which a run cannot show anything."""
LONG = 7 * 24 * 3600.0
GB = 1e9


def fit(bench: Bench) -> Iterator[Finding]:
    """Judge memory and time by a forecast that is measured on two small micro-batches."""
    found = bench.once(forecast)
    if found.failed:
        advice = "try a smaller train.batch_size or data.max_length"
        level = Level.WARNING if found.late else Level.WRONG
        yield Finding(MEMORY, level, f"could not be measured: {found.failed}", advice=advice)
        return
    yield _memory(bench, found)
    yield _time(bench, found)


def _memory(bench: Bench, found: Forecast) -> Finding:
    train = bench.plan.recipe.train
    some = heaviest(bench.plan)
    batch, tokens = len(some), padded(some)
    window = tokens // batch
    peak, most = found.peak(tokens), found.fits(window)
    total = peak + found.baseline
    numbers = {
        "peak": peak,
        "baseline": found.baseline,
        "total": total,
        "free": found.free,
        "largest_batch": most,
        "per_window": found.step.slope * window,
        "fixed": found.step.base,
    }
    parts = (
        f"{total / GB:.2f} GB ({found.baseline / GB:.2f} libraries, {max(0.0, found.step.base) / GB:.2f} models and "
        f"optimizer, {found.step.slope * tokens / GB:.2f} for {batch} windows of {window} tokens)"
    )
    if peak > found.step.at(tokens):
        parts += "; most of it "
        parts += "while a checkpoint is loaded or written" if peak == found.other else "in an evaluation"
    if most >= batch:
        says = f"forecast {parts} of {found.free / GB:.1f} GB free; the largest micro-batch that fits is about {most:,}"
        return Finding(MEMORY, Level.FINE, says, numbers=numbers)
    says = f"it does not fit: forecast {parts}, {found.free / GB:.2f} GB free"
    more: dict[str, Any] = {"numbers": numbers}
    if most:
        # the step stays as large as it was, if that leaves the run steps enough
        whole, up = train.batch_size * train.accumulation, True
        if bench.plan.steps < FEW and train.max_steps is None:
            whole = max(1, min(whole, int(min(train.epochs, 1e6) * len(bench.plan.train)) // FEW))
            up = False
        size = min(most, whole)
        more["edits"] = {
            "train.batch_size": size,
            "train.accumulation": math.ceil(whole / size) if up else whole // size,
        }
    else:
        more["advice"] = "not even one window fits: lower data.max_length, take a smaller pair, or another machine"
    return Finding(MEMORY, Level.WRONG, says, **more)


def _time(bench: Bench, found: Forecast) -> Finding:
    plan = bench.plan
    train = plan.recipe.train
    tokens = padded(heaviest(plan))
    micro = min(train.accumulation, math.ceil(len(plan.train) / train.batch_size))
    step = micro * max(found.seconds.at(tokens), 0.0)
    evaluation = found.evaluation.at(tokens) * math.ceil(len(plan.held_out) / train.batch_size)
    evaluations, saves = plan.steps // plan.eval_every + 1, plan.steps // plan.save_every + 1
    whole = plan.steps * step + evaluations * evaluation + saves * found.saving
    told = str(timedelta(seconds=math.ceil(whole))) if whole < 1e9 else f"{whole / 3.15e7:,.0f} years"
    says = f"about {step:.2f} s a step, {told} for {plan.steps:,} steps"
    says += f" and {evaluations} evaluations of {evaluation:.1f} s"
    numbers = {"step": step, "evaluation": evaluation, "whole": whole, "steps": plan.steps}
    if plan.steps < FEW and train.max_steps is None:
        size = max(1, len(plan.train) // FEW)
        edits = {"train.batch_size": size} if size < train.batch_size else {}
        says = f"{plan.steps} optimizer steps in the whole run are too few to learn from: {says}"
        advice = "train for more epochs, or on smaller batches"
        return Finding(TIME, Level.WARNING, says, advice=advice, edits=edits, numbers=numbers)
    if whole > LONG:
        return Finding(TIME, Level.WARNING, f"a long run: {says}", advice="set train.max_steps", numbers=numbers)
    return Finding(TIME, Level.FINE, says, numbers=numbers)
