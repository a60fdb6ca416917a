"""A term is multiplied by a negative weight

## What it sees
A logged weight of KD, of the label loss or of a layerwise term that is below zero; or, where no weight is logged, a
weighted value that is below zero while the value before its weight is above; or, where that is not logged either, a
weighted KD or label loss that is below zero in every record from the first on: its floor is 0, so its sign is turned.
Or a total that falls below zero while all of its terms, KD or the label loss among them, surely rise.

## Why it is bad
The optimizer makes the term larger: the student is driven away from the teacher, or from the text. The total falls all
the same, without an end, so every curve of the total looks like learning. A sign in the recipe does it, a difference in
place of a sum, a curriculum that goes on falling through zero.

## Thresholds
- `share = 0.2`: the share of the records below zero from which it is an error; below it a warning.
- `records = 3`: fewest records below zero.
- `against = 0.1`: the share of its level by which the total must fall, and every term rise, where the log tells no
  weight.

## Example
```run fires
steps: 100
train/weight/kd: -0.5
train/raw/kd: 2 -> 9
train/raw/lm: 4 -> 3
```

```run fires
steps: 100
train/loss: 1 -> -3 ~ 0.05
train/raw/kd: 2 -> 20 ~ 0.1
train/raw/lm: 4 -> 14 ~ 0.1
```

```run quiet
steps: 100
train/weight/kd: 0.5 -> 0
train/raw/kd: 2 -> 1
train/raw/lm: 4 -> 3
```

## Remedy
Give the term a weight of zero or above; end a curriculum at its last value.

```toml
[terms.kd]
weight = 1.0
```

## Sources
- Every term of a distillation is minimised (Hinton et al. 2015; a recipe of `sad train` takes no weight below 0).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_MINIMISED = frozenset({names.KD, names.LAYERWISE, *names.ANCHORS})
"""Terms that are losses in every log; others may be rewards or bonuses, which have a sign of their own."""

_LOGGED, _SIGN = "The weight is logged", "The weighted value has another sign than the value before it"
_BY_TOTAL = "The log tells no weight; with this one the terms add up to the total at every step"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term whose weight is below zero."""
    yield from _turned(run, t)
    weights = _weights(run)
    if not weights:
        yield from _against(run, t)
    for term, weight in weights.items():
        below = weight.value < 0
        share = float(np.mean(below))
        yield Reading(f"share of the records with a weight of {term} below zero", share, "share")
        if int(below.sum()) < max(t["records"], 1):
            continue
        first, last = float(weight.step[below][0]), float(weight.step[below][-1])
        lowest = words.number(float(weight.value[below].min()))
        told = _LOGGED if names.WEIGHT + term in run.columns else _SIGN
        told = _BY_TOTAL if names.WEIGHTED + term not in run.columns and told == _SIGN else told
        yield RULE.finding(
            level=Level.ERROR if share >= t["share"] else Level.WARNING,
            headline=(
                f"The weight of the term {term} is negative, {lowest} at the least: the training makes the term larger."
            ),
            evidence=(
                f"Below zero in {int(below.sum()):,} of {len(weight):,} records, first at step {words.step(first)}",
                told,
            ),
            cause="A sign in the recipe, a difference in place of a sum, or a curriculum that falls through zero.",
            remedy=f"Give {term} a weight of zero or above, and look at the sign in the sum of the terms.",
            first_step=first,
            last_step=last,
            numbers={"share": share, "lowest": float(weight.value[below].min())},
        )


def _turned(run: Run, t: Thresholds) -> Iterator[Finding]:
    """A weighted KD or label loss below zero throughout, in a log that tells neither its weight nor its raw value."""
    for term, column in signals.parts(run).terms.items():
        if not (term == names.KD or term in names.ANCHORS) or names.WEIGHT + term in run.columns:
            continue
        if names.RAW + term in run.columns and signals.parts(run).source not in ("raw", "weighted and raw"):
            continue
        value = signals.finite(signals.tidy(column)).value
        if value.size < max(t["records"], 1) or not bool(np.all(value < 0)):
            continue
        yield RULE.finding(
            headline=(
                f"The term {term} counts with a negative sign: {words.number(float(value[0]))} in the first record, "
                f"{words.number(float(value[-1]))} in the last; the training makes it larger."
            ),
            evidence=(
                f"Below zero in all {value.size:,} records; before its weight it cannot be",
                "Neither its weight nor its value before it is logged",
            ),
            cause="A sign in the recipe, or a difference in place of a sum; or the value itself, from the first step.",
            remedy=f"Log {term} before its weight: above zero, the weight is negative; below, its formula is wrong.",
            first_step=float(column.step[0]),
            last_step=float(column.step[-1]),
            numbers={"share": 1.0, "lowest": float(value.min())},
        )


def _against(run: Run, t: Thresholds) -> Iterator[Finding]:
    """A total that falls below zero while all of its terms rise, in a log that neither tells weights nor gives them."""
    terms, total = run.terms(names.RAW), run.get(names.LOSS)
    if total is None or len(terms) < 2 or not (names.KD in terms or names.ANCHORS & set(terms)):
        return
    whole = _moved(total)
    moved = {term: _moved(column) for term, column in terms.items()}
    if whole is None or any(one is None for one in moved.values()):
        return
    rise = {term: one for term, one in moved.items() if one is not None and _surely(one, -1, t)}
    if len(rise) < len(terms) or whole[1] >= 0 or not _surely(whole, 1, t):
        return
    told = words.listing(f"{term} from {words.number(one[0])} to {words.number(one[1])}" for term, one in rise.items())
    yield RULE.finding(
        headline=(
            f"The total falls from {words.number(whole[0])} to {words.number(whole[1])} while all of its terms rise "
            f"({told}): one of them counts with a negative weight."
        ),
        evidence=("Medians of the first third of the records and of the last", "The log tells no weights"),
        cause="A sign in the recipe, or a difference in place of a sum; or a term that is not logged goes below zero.",
        remedy="Log each term with its weight, and look at the sign in the sum of the terms.",
        first_step=float(total.step[0]),
        last_step=float(total.step[-1]),
        numbers={"first": whole[0], "last": whole[1]},
    )


def _moved(column: Column) -> tuple[float, float, signals.Gain] | None:
    """The medians of both ends, and what lies between them; None for too few records."""
    ends = signals.ends(column)
    if ends is None:
        return None
    return float(median(ends[0])), float(median(ends[1])), signals.gain(*ends)


def _surely(moved: tuple[float, float, signals.Gain], sign: int, t: Thresholds) -> bool:
    """Whether it surely fell, or with a sign of -1 rose, by a share of its level."""
    gain = signals.Gain(sign * moved[2].amount, moved[2].error)
    return gain.surely_above(t["against"] * max(abs(moved[0]), abs(moved[1])))


def _weights(run: Run) -> dict[str, Column]:
    """The weight of each term that is minimised: as logged, else weighted by raw where both are not 0, else the one by
    which the terms add up to the total.
    """
    found = {}
    raw, weighted = run.terms(names.RAW), run.terms(names.WEIGHTED)
    told_by_the_total = signals.found_weights(run)
    for term in sorted(_MINIMISED):
        logged = run.get(names.WEIGHT + term)
        if logged is not None:
            column = signals.finite(signals.tidy(logged))
        elif term in raw and term in weighted:
            column = _ratio(signals.tidy(weighted[term]), signals.tidy(raw[term]))
        elif term in told_by_the_total:
            step = signals.finite(signals.tidy(raw[term])).step
            column = Column(step, np.full(step.size, told_by_the_total[term]))
        else:
            continue
        if len(column):
            found[term] = column
    return found


def _ratio(weighted: Column, raw: Column) -> Column:
    steps, mine, theirs = signals.shared(weighted.step, raw.step)
    above, beside = weighted.value[mine], raw.value[theirs]
    keep = np.isfinite(above) & np.isfinite(beside) & (beside > 0)
    return Column(steps[keep], above[keep] / np.maximum(beside[keep], np.finfo(float).tiny))


RULE = Rule(
    code="R215",
    name="weight-negative",
    level=Level.ERROR,
    page=__doc__,
    needs=(f"{names.WEIGHT}|{names.WEIGHTED}|{names.RAW}",),
    check=check,
    thresholds={"share": 0.2, "records": 3, "against": 0.1},
)
