"""The evaluation does not follow the training

## What it sees
The evaluation's label loss (or its perplexity) is the same, bit for bit, in every evaluation, while the training's
label loss surely falls by more than a twentieth; or in some of them, and the training falls in just that stretch. Or it
goes on falling, and by next to nothing of what the training does, which is a warning: so does an average of the weights
that is too slow. Where its fall slows down meanwhile it is a hint: so does a student on other texts. Or it began where
the training did, has never come down since, and the training surely falls, which is a warning too: texts are learned by
heart only after they were seen, so this is no overfitting. Where the log tells no parts, the total stands for the label
loss; and where the evaluation tells its total alone, that total does.

## Why it is bad
The student learns, and another one is evaluated: a copy made before the training, an average of the weights that is
never updated, a model that was moved or compiled before the optimizer took its parameters, an adapter that is not
merged. The best checkpoint, the early stop and the report are all of the copy.

## Thresholds
- `digits = 5`: an evaluation must show so many significant digits to be the same; two less in twice as many,
  a hint where texts are seen again.
- `evaluations = 3`: fewest evaluations.
- `falls = 0.05`: the share by which the training must surely fall.
- `far = 0.08`, `hardly = 0.1`: the same for an evaluation that moves, and the share of that fall, as a share of its own
  level, within which it must stay.
- `moves = 0.005`: the same within a stretch of equal evaluations: a student that stands still does not get better.
- `surely = 0.1`, `near = 0.05`: how far the training must fall, and the evaluation not, where it never came down.

## Example
```run fires
steps: 100 every 10
train/raw/lm: 5 -> 3 ~ 0.1
train/raw/kd: 2 -> 0.5
steps: 5 every 200
eval/lm_loss: 5.02917
```

```run quiet
steps: 100 every 10
train/raw/lm: 5 -> 3 ~ 0.1
train/raw/kd: 2 -> 0.5
steps: 5 every 200
eval/lm_loss: 5.02917, 4.4183, 3.9021, 3.5112, 3.2045
```

## Remedy
Evaluate the object that the optimizer holds: compare one weight of both before and after ten steps. Update the average
at every step, and only then evaluate it.

## Sources
- The failed runs this project starts from: an average that is still 73% initial weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_FEW = 3
"""Digits that hide a move."""

_MOST = 0.8
"""The share of its first loss above which the training has learned so little that few digits may hide it."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding when the evaluation stands still and the training falls."""
    found = signals.student_evaluated(run, t["evaluations"], t["digits"])
    if found is None:
        total = _totals(run, t)
        if total is not None:
            yield total
            return
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations of the student alone")
    name, column, sharp = found
    same = bool(np.all(column.value == column.value[0]))
    if same and not sharp and not signals.all_equal(column, t["evaluations"], t["digits"]):
        raise TooFew(f"fewer than {t['evaluations']:g} evaluations of the student alone with {t['digits']:g} digits")
    training = signals.learned(run)
    ends, fall = (None, None) if training is None else (signals.ends(training[1]), signals.fall(training[1]))
    if training is None or ends is None or fall is None:
        raise TooFew("too few records of the training's label loss")
    level = abs(float(median(ends[0])))
    yield Reading("evaluations that differ from the first", float(np.sum(column.value != column.value[0])))
    yield Reading("fall of the training, as a share", fall.amount / level if level else float("nan"), "falls")
    logged = signals.as_loss(name, column)
    never = not same and signals.never_came_down(run, logged[1], training, t["evaluations"], t["near"])
    # one that began where the training did is proven by less
    lags = not same and fall.surely_above(t["falls" if never else "far"] * level)
    lags = lags and signals.hardly_moves(column, fall.amount / level, t["hardly"], t["evaluations"])
    if lags and signals.weight_moves(run, signals.beside(run)) is None:  # R211 tells of a weight
        yield _lags(name, column, training[0], tuple(float(median(v)) for v in ends))
        return
    stands = signals.stands_while(column, training[1], t["evaluations"], t["moves"]) if sharp and not same else None
    if stands is not None:
        yield _stood(name, column, training[0], *stands)
        return
    if never and fall.surely_above(t["surely"] * level):
        yield _apart(*logged, training[0], tuple(float(median(v)) for v in ends))
        return
    if not same or not fall.surely_above(t["falls"] * level):
        return
    yield _copy(run, name, column, training[0], tuple(float(median(v)) for v in ends))


def _copy(run: Run, name: str, column: Column, training: str, ends: tuple[float, ...]) -> Finding:
    again = 0 < signals.in_first_pass(run, column.step) < len(column) and ends[1] > _MOST * ends[0]  # by heart
    return RULE.finding(
        level=Level.INFO if again and signals.significant_digits(column.last) <= _FEW else None,
        headline=(
            f"The evaluation does not follow the training: {words.called(training)} falls from "
            f"{words.number(ends[0])} to {words.number(ends[1])}, and {words.called(name)} is "
            f"{words.number(column.last, 6)} in all {len(column)} evaluations, to the last digit."
        ),
        evidence=(f"Evaluations at {words.steps(column.step.tolist())}",),
        cause="Another model is evaluated than the one that learns: a copy, or an average that is never updated.",
        remedy="Evaluate the object that the optimizer holds; compare one weight of both after ten steps.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"evaluation": column.last, "first": ends[0], "last": ends[1]},
    )


def _stood(name: str, column: Column, training: str, one: signals.Still, first: float, last: float) -> Finding:
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The evaluation does not follow the training from step {words.step(one.first)} to {words.step(one.last)}: "
            f"{words.called(name)} is {words.number(one.value, 6)} in {one.count} evaluations, to the last digit, and "
            f"{words.called(training)} falls from {words.number(first)} to {words.number(last)}."
        ),
        evidence=(f"{len(column)} evaluations in all, from {words.number(float(column.value[0]))}",),
        cause="The number is an old one, from a cache or a copy; or it is cut at a limit. The weights do move.",
        remedy="Evaluate the object that the optimizer holds, anew each time; compare one weight of both.",
        first_step=one.first,
        last_step=one.last,
        numbers={"evaluation": one.value, "first": first, "last": last},
    )


def _totals(run: Run, t: Thresholds) -> Finding | None:
    """The same for two totals, where no evaluation of the student alone is logged."""
    told, loss = run.get(names.EVAL_LOSS), run.get(names.LOSS)
    ends = None if loss is None else signals.ends(loss)
    if told is None or loss is None or ends is None:
        return None
    column, level = signals.measured(signals.finite(told), run), abs(float(median(ends[0])))
    if len(column) and (found := _total_stands(run, column, t)) is not None:
        return found
    surely = signals.gain(*ends).surely_above(t["surely"] * level)
    never = (t["evaluations"], t["near"])
    if not len(column) or not surely or not signals.never_came_down(run, column, (names.LOSS, loss), *never):
        return None
    return _apart(names.EVAL_LOSS, column, names.LOSS, tuple(float(median(v)) for v in ends))


def _total_stands(run: Run, column: Column, t: Thresholds) -> Finding | None:
    """A total that is one number, or nearly, while the label loss falls, or a total without parts."""
    training = signals.learned(run)
    ends, fall = (None, None) if training is None else (signals.ends(training[1]), signals.fall(training[1]))
    if training is None or ends is None or fall is None:
        return None
    level = abs(float(median(ends[0])))
    told = (names.EVAL_LOSS, column, training[0], tuple(float(median(v)) for v in ends))
    if signals.all_equal(column, t["evaluations"], t["digits"]) and fall.surely_above(t["falls"] * level):
        return _copy(run, *told)
    lags = not bool(np.all(column.value == column.value[0])) and fall.surely_above(t["far"] * level)
    lags = lags and signals.hardly_moves(column, fall.amount / level, t["hardly"], t["evaluations"])
    return _lags(*told) if lags else None


def _apart(name: str, column: Column, training: str, ends: tuple[float, ...]) -> Finding:
    value = column.value
    return RULE.finding(
        level=Level.WARNING,
        headline=(
            f"The evaluation does not follow the training, and never did: {words.called(training)} falls from "
            f"{words.number(ends[0])} to {words.number(ends[1])}, and {words.called(name)} goes from "
            f"{words.number(float(value[0]))} to {words.number(float(value[-1]))}, at best "
            f"{words.number(float(value.min()))}."
        ),
        evidence=(f"{len(column)} evaluations; both began at about {words.number(float(value[0]))}",),
        cause=(
            "The evaluation asks something else than the training: its labels, positions, mask, tokenizer or template "
            "are others; or its texts are of another kind."
        ),
        remedy="Evaluate on one batch of the training: its loss must be the one that the training logs for it.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"evaluation": float(value[-1]), "first": ends[0], "last": ends[1]},
    )


def _lags(name: str, column: Column, training: str, ends: tuple[float, ...]) -> Finding:
    value, slows = column.value, signals.slows(column)
    return RULE.finding(
        level=Level.INFO if slows else Level.WARNING,
        headline=(
            f"The evaluation hardly follows the training: {words.called(training)} falls from "
            f"{words.number(ends[0])} to {words.number(ends[1])}, and {words.called(name)} from "
            f"{words.number(float(value[0]))} to {words.number(float(value[-1]))}."
        ),
        evidence=(f"{len(column)} evaluations, each a little lower than the one before",),
        cause="The evaluation's text is of another kind, or the training's is learned by heart; or it is an old copy."
        if slows
        else "An average of the weights is evaluated that is too slow for a run of this length, or an old copy.",
        remedy="Evaluate the trained weights beside the average; let its decay grow from 0 in the first steps.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"evaluation": float(value[-1]), "first": ends[0], "last": ends[1]},
    )


RULE = Rule(
    code="R312",
    name="evaluation-does-not-follow",
    level=Level.ERROR,
    page=__doc__,
    needs=(
        "|".join((*signals.OF_THE_STUDENT, names.EVAL_LOSS)),
        f"{names.LOSS}|{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}",
    ),
    check=check,
    thresholds={
        "digits": 5,
        "evaluations": 3,
        "falls": 0.05,
        "far": 0.08,
        "hardly": 0.1,
        "surely": 0.1,
        "near": 0.05,
        "moves": 0.005,
    },
)
