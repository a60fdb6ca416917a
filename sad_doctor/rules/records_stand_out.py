"""Single records stand out at a fixed distance

## What it sees
Series of the training, the losses, the gradient norm, the teacher's, in which single records stand far above or below
those about them, every so many records and nearly nowhere else, or in the first record after each evaluation. The
distance is compared with that of the evaluations and with the length of an epoch, and the series that take part are
told apart from those that go on.

## Why it is bad
What happens every so many steps is made by the loop and not by chance: the last, smaller batch of an epoch that counts
as a whole one, a buffer that is cleared, a record that divides by the wrong count after an evaluation, an objective
that is used now and then. If the teacher's numbers stand out too, the batch there is another one. If the total does so
and its parts do not, the number is made in another way there. If only the student's do, its weights or its mode are
others for a moment.

## Thresholds
- `sigmas = 5`: robust deviations by which a record stands out. `share = 0.7`: of the records at that distance, so many
  must, and so many of all that do must lie there; chance puts no six of them at one distance.
- `records = 48`: fewest records.

## Example
```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
train/loss: 4.89, 5.08, 5.07, 4.86, 4.95, 5.04, 4.93, 6.92, 5.01, 5.00, 4.79, 4.98, 4.77, 4.86
steps: 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
train/loss: 4.85, 6.84, 4.93, 4.72, 4.71, 4.90, 4.79, 4.88, 4.87, 6.76, 4.75, 4.74, 4.83, 4.62
steps: 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42
train/loss: 4.61, 4.80, 4.59, 6.68, 4.77, 4.66, 4.75, 4.54, 4.73, 4.52, 4.51, 6.60, 4.69, 4.48
steps: 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56
train/loss: 4.57, 4.46, 4.55, 4.54, 4.63, 6.52, 4.61, 4.50, 4.59, 4.48, 4.47, 4.56, 4.55, 6.44
```

```run quiet
steps: 120
train/loss: 6 -> 5 -> 4.6 ~ 0.2
```

## Remedy
Look at what the loop does every so many steps: the end of an epoch (`drop_last=True`, or weigh the batch by its
tokens), an evaluation, a save, an accumulation that is cut short. Print the size of the batch and the divisor there.

## Sources
- Public reports of losses that jump with the last batch of every epoch, and of averages that count the steps wrongly
  after an evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Floats, Run
from sad_doctor.signals import Regular
from sad_doctor.signals.middle import median

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)
_EQUAL = 0.02
"""Distances that differ by this share are one."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the distance at which most series stand out."""
    series = signals.per_batch(run, int(t["records"]))
    if not series:
        raise TooFew(f"fewer than {t['records']:g} records of any series")
    steps = _evaluations(run)
    known = {name: signals.regular(column, steps, t["sigmas"], t["share"]) for name, column in series.items()}
    found = {name: one for name, one in known.items() if one is not None}
    yield Reading("series in which records stand out at a fixed distance", float(len(found)))
    if not found:
        return
    counts = [sum(other.distance == one.distance for other in found.values()) for one in found.values()]
    chosen = min(one.distance for one, count in zip(found.values(), counts, strict=True) if count == max(counts))
    there = {name: one for name, one in found.items() if one.distance == chosen}
    yield _finding(run, there, [name for name in series if name not in found])


def _finding(run: Run, there: dict[str, Regular], rest: list[str]) -> Finding:
    one = next(iter(there.values()))
    told = [f"{words.called(name)} by {words.number(r.by)} of {words.number(r.level)}" for name, r in there.items()]
    with_it = _with(run, one) if one.distance else ""
    where = f"Every {words.step(one.steps)} steps" if one.distance else "After each evaluation"
    others = words.listing([words.called(name) for name in rest[:4]]) if rest else ""
    return RULE.finding(
        headline=(
            f"{where} a single record stands out{with_it}: {words.listing(told[:3])}"
            + (f", and {len(told) - 3} more." if len(told) > 3 else ".")
        ),
        evidence=(
            f"{one.hits} of the {one.of} records there, from step {words.step(one.first)} on",
            *([f"{words.capital(others)}: nothing there"] if rest else []),
            *told[3:6],
        ),
        cause=_cause(set(there), set(rest), with_it if one.distance else "evaluation"),
        remedy="Look at what the loop does at those steps; print the size of the batch and the divisor there.",
        first_step=one.first,
        last_step=one.last,
        numbers={"steps": one.steps, "hits": float(one.hits), "records": float(one.of), "series": float(len(there))},
    )


def _with(run: Run, one: Regular) -> str:
    """What else has that distance: the evaluations, or an epoch."""
    steps = _evaluations(run)
    if steps.size > 2 and abs(float(median(np.diff(steps))) - one.steps) <= _EQUAL * one.steps:
        return ", as often as an evaluation"
    epoch = run.get(names.EPOCH)
    known = None if epoch is None else signals.finite(signals.tidy(epoch))
    if known is None or len(known) < 2 or not known.value[-1] > known.value[0]:
        return ""
    length = float((known.step[-1] - known.step[0]) / (known.value[-1] - known.value[0]))
    return ", once an epoch" if abs(length - one.steps) <= 2 * _EQUAL * one.steps else ""


def _evaluations(run: Run) -> Floats:
    """The steps of the evaluations after the first step."""
    found = signals.evaluations(run)
    steps = next(iter(found.values())).step if found else np.empty(0)
    return steps[steps > 0]


def _cause(there: set[str], rest: set[str], with_it: str) -> str:
    terms = {names.term_of(name) for name in there} - {None}
    if there & set(_TEACHERS):
        return "The batch there is another one: the last of an epoch, a smaller one, or one of another kind of text."
    if there <= {names.LOSS, names.GRAD_NORM} and names.LOSS in there and any(names.term_of(name) for name in rest):
        return "The total is made in another way there, as its parts go on: a divisor, a window, a term beside them."
    if there == {names.GRAD_NORM}:
        return "The gradient is another one there: an accumulation that is cut short, or not cleared, or a scale."
    if "evaluation" in with_it:
        return "What an evaluation leaves behind, a mode or other weights, or how the record after it is averaged."
    if terms and not terms & names.ANCHORS and any(names.term_of(name) in names.ANCHORS for name in rest):
        return "The teacher's side is another one there: a cache, an order, a term that is used now and then."
    return "The batch there is another one, or the student is for a moment."


RULE = Rule(
    code="R410",
    name="records-stand-out",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=("|".join((names.LOSS, names.RAW, names.UNWEIGHTED, names.WEIGHTED, names.GRAD_NORM, *_TEACHERS)),),
    check=check,
    thresholds={"sigmas": 5, "share": 0.7, "records": 48},
)
