"""Numbers break at one step

## What it sees
A series of the training, a loss, a term, the gradient norm, the teacher's loss, the coverage, changes its level from
one record to the next, far beyond its noise, and stays there; and no event, no weight and no other setting in the log
changes at that step. Which series break there, and which go on, tells where to look.

## Why it is bad
From that step on the run is another one than before, and the log does not say why. If the teacher's numbers or the
terms against it break and the label loss goes on, the teacher's side changed: a cache, a checkpoint, a temperature. If
the label loss and the teacher's break together, the text did. If only the student's do, its weights or its mode did. If
the total breaks alone, a weight that is not logged; if the gradient norm alone, the accumulation, clip or scale.

## Thresholds
- `sigmas = 8`: how far the level must move, in deviations of neighbours. `share = 0.15`: and as a share of it.
- `norm = 2.5`: the factor for a gradient norm that breaks where nothing else does.
- `records = 40`: fewest records; a tenth at the beginning, where all falls, and the last five are not judged.

## Example
```run fires
steps: 60
train/raw/kd: 2 -> 1.5 ~ 0.05
train/raw/lm: 5 -> 4 ~ 0.1
steps: 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80
train/raw/kd: 2.6 -> 2.4 ~ 0.05
train/raw/lm: 4 -> 3.8 ~ 0.1
```

```run quiet
steps: 80
train/raw/kd: 2 -> 1.5 ~ 0.05
train/raw/lm: 5 -> 4 ~ 0.1
```

## Remedy
See what begins at that step: an epoch, a shard, a stage, a resume, a file of the cache. Log that as an event or as a
column. Then compare one batch before with one after it.

## Sources
- Killick, Fearnhead and Eckley 2012, on change points. The failure catalogue of this project: a cache of the teacher's
  answers that was off from the second epoch on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run

_WIDTH = 10
"""Records whose mean stands for a level; of a long log a hundredth of it."""

_SHOWN = 5000
"""So many values tell which are far out."""

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY, names.COVERAGE)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the step at which most series break."""
    series = signals.per_batch(run, int(t["records"]))
    coverage = run.get(names.COVERAGE)
    if coverage is not None:
        series[names.COVERAGE] = signals.finite(signals.tidy(coverage))
    series = {name: column for name, column in series.items() if len(column) >= t["records"]}
    if not series:
        raise TooFew(f"fewer than {t['records']:g} records of any series")
    breaks = {name: found for name, column in series.items() if (found := _break(column, t)) is not None}
    alone = breaks.get(names.GRAD_NORM) if len(breaks) == 1 and len(series) > 1 else None
    if alone is not None and max(alone[1:]) < t["norm"] * min(alone[1:]):
        breaks = {}  # a norm rises by itself when the student begins to learn
    yield Reading("series that break", float(len(breaks)))
    if not breaks:
        return
    places = sorted(step for step, _, _ in breaks.values())
    gap = float(np.median(np.diff(next(iter(series.values())).step)))
    near = {at: sum(abs(other - at) <= 2.5 * gap for other in places) for at in places}
    at = max(places, key=lambda place: (near[place], -place))
    there = {name: one for name, one in breaks.items() if abs(one[0] - at) <= 2.5 * gap}
    if not _excused(run, at, gap):
        yield _finding(there, [name for name in series if name not in breaks], at, run.last_step)


def _break(column: Column, t: Thresholds) -> tuple[float, float, float] | None:
    """The step, and the levels before and after it, of the largest change between neighbouring windows."""
    value, size = column.value, len(column)
    width = max(_WIDTH, size // 100)
    start = max(size // 10, width)
    if size < start + width + 5:
        return None
    sums = np.concatenate(([0.0], np.cumsum(_cut(value))))
    middle = np.arange(start, size - min(width, 5) + 1)
    after = np.minimum(middle + width, size)
    move = (sums[after] - sums[middle]) / (after - middle) - (sums[middle] - sums[middle - width]) / width
    at = int(middle[np.argmax(np.abs(move))])
    low, high = max(0, at - width // 2), min(size - 1, at + width // 2)
    edge = low + 1 + int(np.argmax(np.abs(np.diff(value[low : high + 1]))))
    found = _broken(column, edge, width, t)
    if found is not None or not bool(np.all(value > 0)):
        return found
    # of a loss that has fallen far a large share is a small step
    later = value[start : size - min(width, 5) + 1]
    ratio = later[1:] / later[:-1]
    most, least = int(np.argmax(ratio)), int(np.argmin(ratio))
    edge = start + 1 + (most if ratio[most] * ratio[least] > 1 else least)
    return _broken(column, edge, width, t)


def _broken(column: Column, edge: int, width: int, t: Thresholds) -> tuple[float, float, float] | None:
    """The step, and the levels before and after it, if the level changes there at once, far, and for good."""
    value = column.value
    before, later = value[max(0, edge - width) : edge], value[edge : edge + width]
    if min(before.size, later.size) < 5:
        return None
    first, last = float(np.median(before)), float(np.median(later))
    noise = 1.05 * float(np.median(np.abs(np.diff(value[max(0, edge - 3 * width) : edge]))))
    moved = abs(last - first)
    sharp = abs(float(np.median(value[edge : edge + 4]) - np.median(value[edge - 4 : edge]))) > 0.6 * moved
    apart = before.max() < later.min() or later.max() < before.min() or moved > 2 * t["sigmas"] * noise
    error = noise * np.sqrt(2.0 / min(before.size, later.size)) * 1.25
    # a loss falls fast by itself, over some records: only one that falls at once is a break
    sharp &= last > first or abs(float(value[edge] - value[edge - 1])) > 0.6 * moved
    stays = abs(float(np.median(value[edge:])) - first) > 0.4 * moved
    far = moved > max(t["sigmas"] * error, t["share"] * max(abs(first), 1e-12))
    return (float(column.step[edge]), first, last) if far and sharp and apart and stays else None


def _cut(value: Floats) -> Floats:
    """Single values far out, which are spikes, are no level."""
    low, high = np.quantile(value[:: max(1, value.size // _SHOWN)], [0.02, 0.98])
    return np.clip(value, low, high)


def _excused(run: Run, at: float, gap: float) -> bool:
    """Whether an event, a setting or the learning rate changes there, which then is the cause."""
    if any(
        e.step is not None and abs(e.step - at) <= 2.5 * gap and e.kind != names.EVENT_CHECKPOINT for e in run.events
    ):
        return True
    if any(abs(switch.step - at) <= 2.5 * gap for switch in signals.switches(run)):
        return True
    rate = run.get(names.LEARNING_RATE)
    jump = None if rate is None else signals.jump_at(signals.finite(signals.tidy(rate)), at)
    return jump is not None and min(jump.before, jump.after) < 0.5 * max(jump.before, jump.after)


def _finding(there: dict[str, tuple[float, float, float]], rest: list[str], at: float, end: float) -> Finding:
    told = [
        f"{words.called(name)} from {words.number(one[1])} to {words.number(one[2])}" for name, one in there.items()
    ]
    others = [words.called(name) for name in rest]
    return RULE.finding(
        headline=(
            f"At step {words.step(at)} the level breaks, and the log does not say why: {words.listing(told[:3])}"
            + (f", and {len(told) - 3} more." if len(told) > 3 else ".")
        ),
        evidence=tuple(
            filter(None, (f"{words.capital(words.listing(others[:4]))}: no break" if others else "", *told[3:6]))
        ),
        cause=_cause(set(there), set(rest)),
        remedy="See what begins at that step: an epoch, a shard, a stage, a resume, a file of the cache.",
        first_step=at,
        last_step=end,
        numbers={"series": float(len(there))},
    )


def _cause(broken: set[str], whole: set[str]) -> str:
    terms = {names.term_of(name) for name in broken} - {None}
    label, teachers = bool(terms & names.ANCHORS), bool(broken & set(_TEACHERS))
    label_goes_on = any(names.term_of(name) in names.ANCHORS for name in whole)
    if broken == {names.GRAD_NORM}:
        return "The accumulation, the clip or the scale of the loss changes."
    if broken <= {names.LOSS, names.GRAD_NORM} and (terms or not whole <= {names.GRAD_NORM}):
        return "What the total is made of changes: a weight or a term that is not logged; or the text does."
    if (teachers or terms) and not label and label_goes_on:
        return "The teacher's side changes: a cache, a checkpoint, a temperature, or how the two are aligned."
    if label and teachers:
        return "The text changes: another shard, domain, length or order."
    return "The student's weights or its mode change, or the text does."


RULE = Rule(
    code="R408",
    name="level-breaks",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.GRAD_NORM}|{names.TEACHER_LOSS}",),
    check=check,
    thresholds={"sigmas": 8, "share": 0.15, "norm": 2.5, "records": 40},
)
