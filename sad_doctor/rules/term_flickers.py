"""A term is exactly 0 in some batches

## What it sees
A term of the loss, or the coverage of the alignment, that is exactly 0 in a good part of the records and well above 0
in the others, now this and now that, all along the run. A term that is switched on or off once, or by a weight that is
logged as 0 there, is another picture, and so is one that is 0 in nearly every record.

## Why it is bad
No distance between two models is exactly 0 by itself. Those batches had nothing to compare: no token with a label, no
common boundary, a mask that takes all; or the value was not finite and was replaced; or the branch that computes it was
left out. The mean over such records is too small, and the student learns from a part of its data only.

## Thresholds
- `least = 0.1`, `most = 0.9`: the share of the records that are exactly 0. `turns = 6`: how often it must go from 0 to
  a value or back.
- `records = 40`: fewest records.

It is a hint: some train in turn on purpose, on the student's own texts in one step and on given ones in the next.

## Example
```run fires
steps: 48
train/loss: 6 -> 4 ~ 0.1
train/raw/kd: 2 -> 1 ~ 0.05
steps: 2, 5, 7, 11, 13, 18, 22, 23, 29, 31, 37, 40
train/raw/kd: 0
```

```run quiet
steps: 48
train/loss: 6 -> 4 ~ 0.1
train/raw/kd: 2 -> 1 ~ 0.05
```

## Remedy
Log beside the term over how many positions it was taken; leave batches without any out of the mean, and look at what
they hold.

## Sources
- The failure catalogue of this project: a label loss of batches without labels that was set to 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one hint for each term that is 0 now and then."""
    judged = {
        term: signals.finite(signals.tidy(column))
        for term, column in _terms(run).items()
        if len(column) >= t["records"]
    }
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of a term")
    for term, column in judged.items():
        nothing = column.value == 0
        if (weight := run.get(names.WEIGHT + term)) is not None:  # what is switched off is 0 by right
            nothing &= ~np.isin(column.step, weight.step[weight.value == 0])
        share = float(np.mean(nothing)) if len(column) else 0.0
        turns = int(np.sum(nothing[1:] != nothing[:-1]))
        yield Reading(f"share of the records in which {term} is exactly 0", share, "least")
        if t["least"] <= share <= t["most"] and turns >= t["turns"]:
            yield _finding(term, column, share, turns)


def _terms(run: Run) -> dict[str, Column]:
    """Each term once, before its weight where that is told; and the coverage."""
    found = {**run.terms(names.WEIGHTED), **run.terms(names.UNWEIGHTED), **run.terms(names.RAW)}
    coverage = run.get(names.COVERAGE)
    return found if coverage is None else {**found, "coverage": coverage}


def _finding(term: str, column: Column, share: float, turns: int) -> Finding:
    others = column.value[column.value != 0]
    return RULE.finding(
        headline=(
            f"The {'coverage' if term == 'coverage' else f'term {term}'} is exactly 0 in {words.percent(share)} of the "
            f"records, now and then, and {words.number(float(median(others)))} in the others."
        ),
        evidence=(f"{words.counted(len(column), 'record')}; it goes to 0 or back {turns} times",),
        cause="Those batches have nothing to compare: no label, no common boundary, an empty mask; or a value that was "
        "not finite was replaced by 0.",
        remedy="Log over how many positions the term was taken, and leave batches without any out of the mean.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"share": share, "turns": float(turns)},
    )


RULE = Rule(
    code="R223",
    name="term-flickers",
    level=Level.INFO,
    page=__doc__,
    needs=(f"{names.RAW}|{names.WEIGHTED}|{names.UNWEIGHTED}|{names.COVERAGE}",),
    check=check,
    thresholds={"least": 0.1, "most": 0.9, "turns": 6, "records": 40},
)
