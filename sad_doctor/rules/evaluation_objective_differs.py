"""The evaluation uses another objective than the training

## What it sees
At the first evaluations, and at half of all or more, the evaluation's total is more than 1.5 times the training total
around the same step, and at least 1 nat above it. The median of the eleven training records around the evaluation is
compared, so that one easy batch does not count. Or the training's loss is twice the evaluation's, or another whole
number of times, throughout: a hint where the norm of the gradient over that number is below 0.04, as no mean's is, or
where no norm is logged: the gradient may be a mean, and the number alone a sum.
Or the evaluation's is 1.44 times the training's, as bits are of nats; or its KL is many times its own label loss,
which no mean over places is. Overfitting opens such a gap too, but not from the first
evaluation on, if that comes early: where it comes late and the training has fallen until then, the rule does not judge.
An evaluation that is the label loss alone, before its weight, is a hint: many mean it.

Where the log tells a term of the evaluation before and after its weight, that weight is compared with the training's
about the same step: no other proof is needed.

## Why it is bad
The two curves cannot be compared, and an early stop that watches the evaluation watches terms or weights that the
training does not have yet: most often the evaluation uses the full weights of a curriculum from the start.

## Thresholds
- `ratio = 1.5`, `nats = 1`: how far above the training total an evaluation must lie; `often = 0.5`: and how many of
  them. A curriculum that comes to its end closes the gap.
- `weight = 0.05`: how far a term's weight at evaluation may lie beyond the training's on either side, as a share.
- `early = 0.25`: the share of the planned steps (of those logged, where the plan is not known) up to which the first
  evaluation is early.

It does not judge a log without parts of the loss: there a difference may be the data's.

## Example
```run fires
steps: 1000
train/loss: 29 ~ 2
train/raw/kd: 27.4 ~ 2
train/raw/lm: 1.6
steps: 499, 999
eval/loss: 51.7094, 51.7094
```

```run quiet
steps: 1000
train/loss: 14 -> 9 ~ 1
train/weighted/kd: 8 -> 5 ~ 1
train/weighted/lm: 6 -> 4
steps: 10 every 100
eval/loss: 13.9 -> 9.3
```

## Remedy
Evaluate with the very function and the very weights of the training step, model in evaluation mode; log the parts of
both. `sad train` has one objective for the two.

## Sources
- The failed runs this project starts from: 51.7 at evaluation against 29.0 in training at step 1,000.
- TheDeepChecker, "Switch mode consistency" (training and evaluation differ by more than 50%).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run
from sad_doctor.signals.middle import median

FEWEST, _MANY, _STEADY = 3, 5, 0.06
"""Evaluations, and how near a whole number their ratio to the training must stay, for a sum to show."""
_FALLEN, _LITTLE, _COUNTED, _SUM, _MICRO, _BITS = 0.85, 0.98, 4, 5, 64, math.log2(math.e)
"""Most that is left of its first loss, below and from a ratio of 4; the ratio of a sum; most devices; bits of a nat."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when every evaluation lies far above the training."""
    evaluation, training = run.get(names.EVAL_LOSS), run.get(names.LOSS)
    if evaluation is None or training is None:
        return
    # what is the label loss alone may be any number of times the total
    multiple = (
        None
        if signals.term_evaluated(run, signals.finite(evaluation)) in names.ANCHORS
        else _whole_multiple(evaluation, training)
    )
    if (found := _summed_kl(run) or multiple) is not None:
        times = found.numbers["times"] if multiple is found else 1.0
        yield _by_the_norm(run, found, times) if times.is_integer() and times > 1 else found
        return
    terms = {**run.terms(names.RAW), **run.terms(names.WEIGHTED), **run.terms(names.EVAL_RAW)}
    if len(terms) < 2:
        raise TooFew("the log does not tell the parts of the loss, so a gap may be the data's")
    weights = list(signals.other_weights(run, t["weight"], FEWEST))
    if weights:
        yield _weighed(evaluation, weights)
        return
    evaluation, training = signals.finite(signals.tidy(evaluation)), signals.finite(signals.tidy(training))
    if not len(evaluation) or not len(training):
        raise TooFew("no finite loss on both sides")
    if len(training) < FEWEST:
        raise TooFew(f"fewer than {FEWEST} records of the training loss to compare with")
    level = signals.around(training, evaluation.step)
    yield Reading(
        "least ratio of an evaluation to the training about it", float(np.min(evaluation.value / level)), "ratio"
    )
    # half of a window may be that far off by the luck of its batches
    luck = 2 * float(median(np.abs(np.diff(training.value))))
    luck *= float(np.sqrt(max(1.0, (2 * signals.AROUND + 1) / len(training))))  # the median of few is less sure
    apart = (evaluation.value > t["ratio"] * level) & (evaluation.value - level > t["nats"] + luck)
    if float(np.mean(apart)) >= t["often"] and bool(apart[: max(1, apart.size // 4)].all()):
        if _late(run, evaluation, t) and _has_fallen(training, float(level[0])):
            raise TooFew("the first evaluation came late: overfitting may have opened the gap before it")
        yield _finding(run, evaluation, level)


def _summed_kl(run: Run) -> Finding | None:
    """The KL of every evaluation far above its label loss, which it is a part of: a sum over the places of a text."""
    told = {name: run.columns[name] for name in (names.EVAL_KL, names.EVAL_LM_LOSS) if name in run.columns}
    step, values = signals.table({name: signals.finite(signals.tidy(column)) for name, column in told.items()})
    if len(told) < 2 or step.size < _MANY:
        return None
    kl, label = values[names.EVAL_KL], values[names.EVAL_LM_LOSS]
    if not bool(np.all(kl > 2 * _COUNTED * np.maximum(label, 1.0))):
        return None
    times, ends = round(float(median(kl / label))), (float(label[-1]), float(kl[-1]))
    found = _times(f"evaluation's KL is about {times} times its label loss", step, ends, times)
    cause = "It is summed over the places of a text or a batch, padding included, and divided by the texts alone."
    return replace(found, cause=cause, evidence=(f"At {step.size} evaluations",))


def _whole_multiple(evaluation: Column, training: Column) -> Finding | None:
    """The training's loss a whole number of times the evaluation's throughout, while both fall."""
    evaluation, training = signals.finite(signals.tidy(evaluation)), signals.finite(signals.tidy(training))
    later = evaluation.step > float(training.step[0]) if len(training) else np.zeros(len(evaluation), dtype=bool)
    value, step = evaluation.value[later], evaluation.step[later]
    if value.size < _MANY or len(training) < 2 * signals.AROUND or not np.all(value > 0):
        return None
    level = signals.around(training, step)
    if not np.all(level > 0):
        return None
    ratio = level / value
    middle = float(median(ratio))
    times = round(middle) if np.isfinite(middle) else 0
    # other text may cost twice as much; four times and more, to the same few percent all along, is a count
    if value[-1] > (_FALLEN if times < _COUNTED else _LITTLE) * value[0]:
        return None
    if abs(middle * _BITS - 1) < 0.5 * _STEADY and bool(np.all(np.abs(ratio * _BITS - 1) < 1.5 * _STEADY)):
        return _bits(step, (float(value[-1]), float(level[-1])))
    if times < 2 or not bool(np.all(np.abs(ratio / times - 1) < _STEADY)):
        return None
    return _times(
        f"training's loss is {times} times the evaluation's", step, (float(value[-1]), float(level[-1])), times
    )


def _by_the_norm(run: Run, found: Finding, times: float) -> Finding:
    """A sum by what the gradient's norm says of it: a hint where that speaks against it, or is not logged."""
    norm = signals.number_alone(run, times)
    if norm is None and run.get(names.GRAD_NORM) is not None:
        return found
    told = (
        "No norm of the gradient is logged: it would tell whether the gradient is a sum too"
        if norm is None
        else f"The gradient's norm is {words.number(norm)}: the gradient is no sum"
    )
    remedy = "Divide the logged number, so that it can be compared" + ("; log the norm." if norm is None else ".")
    return replace(found, level=Level.INFO, evidence=(*found.evidence, told), remedy=remedy)


def _bits(step: Floats, values: tuple[float, float]) -> Finding:
    return RULE.finding(
        headline=(
            f"The evaluation is 1.44 times the training's loss throughout: {words.number(values[0])} for "
            f"{words.number(values[1])} at the end. That is 1 / ln(2): bits beside nats."
        ),
        evidence=(f"At {step.size} evaluations, while both fall",),
        cause="The evaluation's loss is in bits, or it is divided by ln(2) on its way to bits per byte.",
        remedy="Log both in nats; give the bits a name of their own.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"times": _BITS},
    )


def _times(what: str, step: Floats, values: tuple[float, float], times: int) -> Finding:
    of = "micro-batches or devices" if times <= _MICRO else "tokens or texts"
    return RULE.finding(
        headline=f"The {what} throughout: {words.number(values[1])} for {words.number(values[0])} at the end.",
        evidence=(f"Within {words.percent(_STEADY)} of {times} at {step.size} evaluations, while both fall",),
        cause=f"The loss of a step is a sum over {times} {of} that is not divided by their number.",
        remedy="Divide by it: the gradient is as many times too large, unless only the logged number is.",
        first_step=float(step[0]),
        last_step=float(step[-1]),
        numbers={"times": float(times)},
    )


def _weighed(evaluation: Column, found: list[tuple[str, float, float, int]]) -> Finding:
    term, there, here, count = found[0]
    return RULE.finding(
        headline=(
            f"The evaluation weighs {term} by {words.number(there)}, the training by {words.number(here)}: not one "
            "objective."
        ),
        evidence=tuple(
            f"{name}: {words.number(one)} at evaluation, {words.number(other)} in training, at {times} evaluations"
            for name, one, other, times in found
        ),
        cause="The evaluation uses the full weights of the curriculum, or the training's weights are not those logged.",
        remedy="Evaluate with the objective and the weights of the training step, and log the parts of both.",
        first_step=float(evaluation.step[0]),
        last_step=float(evaluation.step[-1]),
        numbers={"evaluation_weight": there, "training_weight": here, "evaluations": float(count)},
    )


def _late(run: Run, evaluation: Column, t: Thresholds) -> bool:
    total = run.fact(names.TOTAL_STEPS)
    return float(evaluation.step[0]) > t["early"] * (total if total and total > 0 else run.last_step)


def _has_fallen(training: Column, level: float) -> bool:
    return level < 0.75 * float(median(training.value[: 2 * signals.AROUND + 1]))


def _finding(run: Run, evaluation: Column, level: Floats) -> Finding:
    at, value, training = float(evaluation.step[-1]), evaluation.last, float(level[-1])
    return RULE.finding(
        # a label loss alone is what many evaluate on purpose
        level=Level.INFO if signals.term_evaluated(run, evaluation, counts=True) in names.ANCHORS else RULE.level,
        headline=(
            f"The evaluation's total is {words.number(value)} at step {words.step(at)}, the training's about "
            f"{words.number(training)}: not the same objective."
        ),
        evidence=(
            words.spread((evaluation.value - level).tolist(), "evaluation", unit=" nats above the training total"),
            *_multiple(evaluation.value / level),
            *_by_term(run, at),
        ),
        cause=_cause(run, evaluation, level),
        remedy="Evaluate with the objective and the weights of the training step, and log the parts of both.",
        first_step=float(evaluation.step[0]),
        last_step=at,
        numbers={"evaluation": value, "training": training},
    )


def _cause(run: Run, evaluation: Column, level: Floats) -> str:
    """What the size of the evaluation says: that of one term before its weight, or of a sum."""
    if (term := signals.term_evaluated(run, evaluation, counts=True)) is not None:
        return (
            f"The evaluation's loss is {term} alone, before its weight: the trainer evaluates by a loss of its "
            "own, not by the one that is trained."
        )
    ratio = evaluation.value / level
    if float(median(ratio)) > _SUM and bool(np.all(np.abs(ratio / median(ratio) - 1) < 2 * _STEADY)):
        return "The evaluation is a sum over tokens, texts or batches, where the training has a mean."
    return "The evaluation uses the full weights of the curriculum, or terms that the training has switched off."


def _multiple(ratio: Floats) -> tuple[str, ...]:
    """A whole number between the two throughout: a sum where the other is a mean."""
    middle = float(median(ratio))
    times = round(middle) if np.isfinite(middle) else 0
    steady = times >= 2 and bool(np.all(np.abs(ratio / times - 1) < 0.1))
    return (
        (f"About {times} times the training's at each: a sum over {times} batches in place of a mean?",)
        if steady
        else ()
    )


def _by_term(run: Run, at: float) -> tuple[str, ...]:
    """The terms that the evaluation has and the training has not, or has much smaller."""
    there = {**run.terms(names.EVAL_RAW), **run.terms(names.EVAL_WEIGHTED)}
    here = signals.parts(run).terms
    lines = []
    for term, column in there.items():
        value, before = column.at(at), here.get(term)
        near = float(signals.around(signals.tidy(before), np.array([at]))[0]) if before is not None else 0.0
        if np.isfinite(value) and value > 1.5 * near and value - near > 0.1:
            lines.append(f"{term}: {words.number(value)} at evaluation, {words.number(near)} in training")
    return tuple(lines[:6])


RULE = Rule(
    code="R304",
    name="evaluation-objective-differs",
    level=Level.WARNING,
    page=__doc__,
    needs=(names.EVAL_LOSS, names.LOSS),
    check=check,
    thresholds={"ratio": 1.5, "nats": 1.0, "often": 0.5, "early": 0.25, "weight": 0.05},
)
