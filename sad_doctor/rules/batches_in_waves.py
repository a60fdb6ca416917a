"""The batches come in waves

## What it sees
The teacher's loss, its entropy, the label loss or the total goes up and down with a fixed period: which place in the
period a record has tells most of what it is beside the trend. The values themselves are new each time.

## Why it is bad
The teacher learns nothing, so what its loss does is what the batches are: they are sorted within a window, by length or
by how hard they are, or sources take turns in a fixed order. The student then takes many like steps in one direction
and as many in the other, and a mean over less than a period says nothing. If only the student's losses do so, something
in the loop has that period: a rate, a term, an evaluation that leaves something behind.

## Thresholds
- `share = 0.5`: of the variance beside the trend, so much must be between the places of a period, more than chance puts
  there.
- `records = 48`: fewest records; a period is 4 to 64 of them and must have come four times.

## Example
```run fires
steps: 1, 2, 3, 4, 5, 6, 7, 8
train/loss: 3.90, 4.35, 4.40, 4.75, 4.90, 5.25, 5.50, 5.75
steps: 9, 10, 11, 12, 13, 14, 15, 16
train/loss: 4.08, 4.23, 4.38, 4.63, 4.98, 5.13, 5.48, 5.73
steps: 17, 18, 19, 20, 21, 22, 23, 24
train/loss: 4.06, 4.11, 4.56, 4.71, 4.96, 5.31, 5.36, 5.81
steps: 25, 26, 27, 28, 29, 30, 31, 32
train/loss: 3.84, 4.19, 4.34, 4.59, 4.84, 5.29, 5.54, 5.59
steps: 33, 34, 35, 36, 37, 38, 39, 40
train/loss: 3.92, 4.27, 4.32, 4.67, 5.02, 5.07, 5.52, 5.57
steps: 41, 42, 43, 44, 45, 46, 47, 48
train/loss: 3.90, 4.15, 4.50, 4.55, 4.90, 5.05, 5.50, 5.55
```

```run quiet
steps: 120
train/loss: 6 -> 5 -> 4.6 ~ 0.2
```

## Remedy
Shuffle the batches after they are made; where lengths are grouped, shuffle the groups. If the period is one on purpose,
judge the run by means over whole periods.

## Sources
- Public reports of losses that swing with shards or with windows of a sampler that groups by length.
"""

from __future__ import annotations

from collections.abc import Iterator

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Run
from sad_doctor.signals import Wave

_TEACHERS = (names.TEACHER_LOSS, names.TEACHER_ENTROPY)


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for the series of which a period explains most."""
    series = signals.per_batch(run, int(t["records"]))
    chosen = {
        name: column
        for name, column in series.items()
        if name == names.LOSS or name in _TEACHERS or names.term_of(name) in names.ANCHORS
    }
    if not chosen:
        raise TooFew(f"fewer than {t['records']:g} records of any series")
    known = {name: signals.waves(column, t["share"]) for name, column in chosen.items()}
    found = {name: one for name, one in known.items() if one is not None}
    yield Reading("series with a period", float(len(found)))
    if found:
        first = max(found, key=lambda name: (name in _TEACHERS, found[name].share))
        yield _finding(run, first, found)


def _finding(run: Run, first: str, found: dict[str, Wave]) -> Finding:
    one = found[first]
    others = list(dict.fromkeys(words.called(n) for n, w in found.items() if n != first and w.records == one.records))
    return RULE.finding(
        headline=(
            f"{words.capital(words.called(first))} goes up and down with a period of {words.step(one.steps)} steps, "
            f"between about {words.number(one.low)} and {words.number(one.high)}."
        ),
        evidence=(
            f"The place in the period tells {words.percent(one.share)} of what it does beside its trend",
            *([f"With the same period: {words.listing(others[:4])}"] if others else []),
        ),
        cause=(
            "The batches are sorted within a window, by length or by how hard they are, or sources take turns."
            if first in _TEACHERS
            else "The batches are sorted within a window or sources take turns; or something in the loop has it."
        ),
        remedy="Shuffle the batches after they are made; compare the period with the window of the sampler.",
        first_step=run.first_step,
        last_step=run.last_step,
        numbers={"steps": one.steps, "records": float(one.records), "share": one.share},
    )


RULE = Rule(
    code="R413",
    name="batches-in-waves",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(
        f"{names.LOSS}|{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}|{names.TEACHER_LOSS}|{names.TEACHER_ENTROPY}",
    ),
    check=check,
    thresholds={"share": 0.5, "records": 48},
)
