"""Every full accumulation window takes one optimizer step, and the step changes the weights.

## Property
For every accumulation a (1, 2, 3, 4 and 8 are tried) and n full windows, n x a micro-batches give n optimizer steps; a
last window that is not full is a step too; each of them changes the weights. The logged loss of the same texts changes
over a step by the product of the gradient and the change of the weights: it is the gradient of that loss, and of the
model that is trained. The learning rate of a step is that of its number: the same for every accumulation, and for a
schedule that has a name the one that the name stands for. A run that logs every step and one that evaluates after every
step take the same steps, to the last bit: looking changes nothing. A trainer that logs the gradient norm logs it for
each logged step, and it is the norm of what the optimizer was handed; one that logs how often the texts were read
counts the steps of a pass; one that says of some steps how far they moved the weights says it of those that it claims.

## Why it must hold
A step that is not taken trains nothing, and no loss curve shows it: batches differ, so the loss moves anyway. A rate
that counts in another unit than the steps ends the run early, or never ends its warm-up.

## Tolerance
None for the steps, which are counted, and for looking. 2% for the change of the loss at a learning rate of 1e-4
(measured: 0.2% on the loop that trains, 2e-6 on the plain one), and the trainer's noise. 1e-6 of the peak for the rate,
and for the norm 1e-5 of it: both are computed in float64 or float32 (measured: 0 and 2e-7 on the loop that trains).

## What breaks it
A predicate that advances its own counter and is called twice a batch: an even accumulation hides it from odd tests. A
scheduler that is stepped a batch and sized in steps, or the other way round. A monitor that is never reached, or that
looks after the gradients were cleared. `zero_grad` or `step` in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from sad.subjects.schedules import Schedule, distance
from sad.subjects.trainer import NEVER, Setup, Trace, Trainer
from sad.verdict import Verdict

ID = "I01"

WINDOWS = 3
ACCUMULATIONS = (1, 2, 3, 4, 8)
"""Odd and even, and each power of two that recipes use: what counts in another unit is wrong at one of them."""
UNEQUAL = (3, 9, 5, 14, 2, 7, 4)
"""Numbers of labels, repeated as often as a run needs texts."""

RUN, SEVERAL, SELDOM = 12, 3, 4
"""Optimizer steps and accumulation of the runs whose rates are compared, and how many steps the second logs one in."""

SMALL, CURVATURE = 1e-4, 0.02
"""A learning rate at which a loss is nearly a line, and how far from one it may be."""

RATE, NORM = 1e-6, 1e-5


def step_accounting(trainer: Trainer) -> Verdict:
    """Judge a trainer at several accumulations, then its last window, its rates, its looks, its norms."""
    traces = {accumulation: trainer.run(_full(accumulation)) for accumulation in ACCUMULATIONS}
    wrong = [a for a, trace in traces.items() if len(trace.taken) != WINDOWS or not _moved(trace)]
    steps, expected = sum(len(trace.taken) for trace in traces.values()), WINDOWS * len(traces)
    says = f"{steps} of {expected} steps"
    if wrong:
        says += f", wrong at accumulation {', '.join(map(str, wrong))}"
    numbers = {"steps": steps, "expected": expected, "wrong": len(wrong)}
    more = [] if wrong else list(_more(trainer, traces))[:2]
    return Verdict(not wrong and not more, ", but ".join([says, *(["; ".join(more)] if more else [])]), numbers)


def _more(trainer: Trainer, traces: Mapping[int, Trace]) -> Iterator[str]:
    """Say what is wrong besides the number of steps in full windows."""
    tail = Setup(_texts(9), accumulation=4)
    taken = len(trainer.run(tail).taken)
    if taken != tail.steps:
        yield f"{taken} of {tail.steps} steps where the last window is not full"
    yield from _falls(trainer)
    for schedule in trainer.claims.schedules or (None,):
        yield from _rates(trainer, schedule)
    silent = trainer.run(replace(_full(2), log_every=NEVER, eval_every=1))
    if not _same(traces[2], silent):
        yield "a run that logs takes other steps than one that evaluates"
    for line in traces[2].log:
        if line.epoch is not None and abs(line.epoch - line.step / WINDOWS) > RATE:
            yield f"after step {line.step} of {WINDOWS} the texts are said to have been read {line.epoch:.3g} times"
    if trainer.claims.grad_norm:
        yield from _norms(traces)


def _falls(trainer: Trainer) -> Iterator[str]:
    """Compare the change of the logged loss over a step, on the same texts, with what the step's gradient promised."""
    trace = trainer.run(Setup(UNEQUAL, micro_batch=3, accumulation=3, epochs=2, learning_rate=SMALL))
    if len(trace.log) != len(trace.taken):
        return
    before, after = (line.loss for line in trace.log)
    promised = float(trace.taken[0].gradient.double() @ trace.taken[0].change.double())
    if not abs(after - before - promised) <= CURVATURE * abs(promised) + trainer.claims.noise * abs(before):
        moved = f"changes by {after - before:.2g}"
        yield f"the loss of the same texts {moved} over a step whose gradient says {promised:.2g}"


def _rates(trainer: Trainer, schedule: Schedule | None) -> Iterator[str]:
    """Compare the rates of one schedule without and with accumulation, and with its closed form."""
    one = Setup(_texts(RUN), schedule=schedule, warmup=2, learning_rate=1e-2)
    many = replace(one, lengths=_texts(RUN * SEVERAL), accumulation=SEVERAL, log_every=SELDOM)
    traces = {setup: trainer.run(setup) for setup in (one, many)}
    alone, found = ([taken.rate for taken in trace.taken] for trace in traces.values())
    at = [k for k, (a, b) in enumerate(zip(alone, found, strict=False)) if abs(a - b) > RATE * one.learning_rate]
    if at:
        # what comes after the warm-up says more
        k = max(at, key=lambda k: (k >= one.warmup, abs(alone[k] - found[k])))
        which = f"at step {k + 1} of {RUN} with accumulation {SEVERAL}"
        yield f"learning rate {found[k]:.2g} {which}, {alone[k]:.2g} without"
    yield from _sizes(trainer, traces)
    if schedule is None:
        return
    apart = distance(found, schedule, many.steps, many.warmup, many.learning_rate)
    if len(found) != RUN or apart > RATE:
        yield f"the learning rate is {apart:.0%} of the peak away from a {schedule} schedule"


def _sizes(trainer: Trainer, traces: Mapping[Setup, Trace]) -> Iterator[str]:
    """Compare which steps say how far they moved the weights with those that are to say it."""
    if (sizes := trainer.claims.sizes) is None:
        return
    for setup, trace in traces.items():
        said = [line.step for line in trace.log if line.update is not None]
        right = [line.step for line in trace.log if sizes(line.step, setup.log_every)]
        if said != right:
            which = f"logged one in {setup.log_every}"
            yield f"of the steps {which}, {said} say how far they moved the weights, not {right}"


def _norms(traces: Mapping[int, Trace]) -> Iterator[str]:
    for accumulation, trace in traces.items():
        logged = {line.step: line.grad_norm for line in trace.log if line.grad_norm is not None}
        if len(logged) != len(trace.taken):
            which = f"of {len(logged)} of {len(trace.taken)} steps"
            yield f"the gradient norm {which} is logged, at accumulation {accumulation}"
            return
        for step, taken in enumerate(trace.taken, 1):
            true = float(taken.gradient.double().norm())
            # a step that is logged under another number has no norm here
            said = logged.get(step, float("nan"))
            if not abs(said - true) <= NORM * true:
                yield f"gradient norm {said:.4g} logged for step {step}, {true:.4g} handed to the optimizer"
                return


def _full(accumulation: int) -> Setup:
    return Setup(_texts(WINDOWS * accumulation), accumulation=accumulation)


def _texts(count: int) -> tuple[int, ...]:
    return tuple(UNEQUAL[i % len(UNEQUAL)] for i in range(count))


def _moved(trace: Trace) -> bool:
    """Whether each step changed the weights. A schedule may begin or end at a rate of 0 exactly."""
    edges = [one for place in (0, -1) for one in trace.taken[place:][:1]]
    moved = [bool(taken.change.any()) for taken in trace.taken]
    return any(moved) and all(
        has or (taken.rate == 0 and any(taken is one for one in edges))
        for has, taken in zip(moved, trace.taken, strict=True)
    )


def _same(left: Trace, right: Trace) -> bool:
    """Whether two runs took the same steps, to the last bit."""
    pairs = list(zip(left.taken, right.taken, strict=False))
    return len(left.taken) == len(right.taken) and all(
        a.rate == b.rate and torch.equal(a.gradient, b.gradient) and torch.equal(a.change, b.change) for a, b in pairs
    )
