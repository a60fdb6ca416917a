"""A weight grows without end

## What it sees
The weight of a term, as logged or as its weighted value over the one before, that is at least twice as large at the
half of the run as at its quarter, twice as large again at three quarters, and twice as large again at the end. A weight
that a curriculum brings in grows evenly, or comes to its end before. One that is no more than 1 at the end may be
brought in by a factor, as on a logarithmic scale, or by a cube: that is a hint.

## Why it is bad
A weight that is multiplied, epoch by epoch or at each resume, is soon the whole loss: the other terms are still
computed and logged, and pull at nothing. The student learns what that term alone asks for, and the clip of the gradient
takes the rest of the step.

## Thresholds
- `times = 2`: the factor from each quarter to the next one. `large = 1`: the weight at the end up to which it is a
  hint. `records = 20`: fewest records.

## Example
```run fires
steps: 100
train/raw/layerwise: 1
train/weight/layerwise: 0.5 -> 1 -> 4 -> 16 -> 64
train/raw/lm: 5 -> 4
```

```run quiet
steps: 100
train/raw/layerwise: 1
train/weight/layerwise: 0 -> 1
train/raw/lm: 5 -> 4
```

## Remedy
Give the schedule of the weight an end, and set it anew from the recipe at a resume in place of multiplying it.

```toml
[terms.layerwise]
weight = 0.1
```

## Sources
- Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses": weights that are learned need
  a term that holds them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Floats, Run


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for each weight that is multiplied all along."""
    judged = {term: weight for term, weight in _weights(run).items() if len(weight) >= t["records"]}
    if not judged:
        raise TooFew(f"fewer than {t['records']:g} records of a weight")
    for term, weight in judged.items():
        at = _quarters(weight)
        if not bool(np.all(at > 0)):
            continue
        least = float(np.min(at[1:] / at[:-1]))
        yield Reading(f"least growth of the weight of {term} from quarter to quarter", least, "times")
        if least >= t["times"]:
            yield _finding(term, weight, at, Level.WARNING if at[-1] > t["large"] else Level.INFO)


def _weights(run: Run) -> dict[str, Column]:
    """The weight of each term: as logged, else its weighted value over the one before, where both are told."""
    found = {term: signals.finite(signals.tidy(column)) for term, column in run.terms(names.WEIGHT).items()}
    raw, weighted = run.terms(names.RAW), run.terms(names.WEIGHTED)
    for term in sorted(set(raw) & set(weighted) - set(found)):
        step, values = signals.table({"before": raw[term], "after": weighted[term]})
        if step.size:
            known = np.isfinite(values["before"]) & np.isfinite(values["after"]) & (values["before"] > 0)
            found[term] = Column(step[known], values["after"][known] / values["before"][known])
    return found


def _quarters(weight: Column) -> Floats:
    """The weight at a quarter, a half and three quarters of the records, and at the end."""
    places = np.linspace(0, len(weight) - 1, 5).astype(np.intp)[1:]
    return weight.value[places]


def _finding(term: str, weight: Column, at: Floats, level: Level) -> Finding:
    how = "grows without end" if level > Level.INFO else "is multiplied all along"
    return RULE.finding(
        level=level,
        headline=(
            f"The weight of {term} {how}: {words.number(float(at[0]))} at a quarter of the run, "
            f"{words.number(float(at[1]))} at its half, {words.number(float(at[-1]))} at the end."
        ),
        evidence=(f"First {words.number(float(weight.value[0]))}; {words.counted(len(weight), 'record')}",),
        cause="Its schedule multiplies it and has no end, or it is learned and nothing holds it.",
        remedy="Give the schedule an end; set the weight anew from the recipe at a resume.",
        first_step=float(weight.step[0]),
        last_step=float(weight.step[-1]),
        numbers={"quarter": float(at[0]), "half": float(at[1]), "end": float(at[-1])},
    )


RULE = Rule(
    code="R222",
    name="weight-runs-away",
    level=Level.WARNING,
    page=__doc__,
    needs=(f"{names.WEIGHT}|{names.WEIGHTED}",),
    check=check,
    thresholds={"times": 2, "large": 1, "records": 20},
)
