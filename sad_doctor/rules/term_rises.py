"""A term rises while the loss falls

## What it sees
A term before its weight, other than the label loss, that surely ends above where it began, while the total or the label
loss falls; or, on held-out text, the KL to the teacher that does. So is a term that the log names by itself. What holds
something back may rise, but for a load balance that grows to twice its size.

## Why it is bad
The student moves away from what this term asks for. It is multiplied by too small a weight, or by a negative one; its
gradient does not reach the student and its targets move; or it asks for the opposite of the others, as a teacher of
other text does. A layerwise term may rise a little when its states grow: a distance of directions does not.

## Thresholds
- `rises = 0.1`: by what share of its level it must surely rise, from the first third to the last and from the first
  records to the last. `falls = 0.05`: by what share the other must surely fall.
  `balance = 1`: the share by which a load balance must rise: the experts collapse then. `records = 24`: fewest records.
- `runs = 10`: from so many times its first records on it is a warning: no student makes a term that large.

## Example
```run fires
steps: 60
train/raw/kd: 1.5 -> 2.5 ~ 0.05
train/raw/lm: 5 -> 3.5 ~ 0.1
train/loss: 6 -> 5 ~ 0.1
```

```run quiet
steps: 60
train/raw/kd: 1.5 -> 1 ~ 0.05
train/raw/lm: 5 -> 3.5 ~ 0.1
train/loss: 6 -> 5 ~ 0.1
```

```run fires
steps: 60
train/loss: 4.6 -> 45 ~ 0.05
train/raw/kd: 2 -> 4 -> 10 -> 40 ~ 0.02
train/raw/ce: 3.4 -> 2 ~ 0.05
```

## Remedy
Take the gradient of the term alone on one batch and step along it: the term must fall. Then compare its gradient with
that of the label loss: a cosine near -1 says that one of the two has the wrong sign or the wrong targets.

## Sources
- TheDeepChecker (Ben Braiek and Khomh 2022): each part of a loss must be able to fall on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_MAY = re.compile(r"z_?loss|^z$|^l[12]$|reg|entropy|penalty|decay|reward|margin", re.IGNORECASE)
"""Terms that may rise: they hold something back, or are to grow."""

_BALANCES = re.compile(r"aux|balanc|router", re.IGNORECASE)
"""Terms that rest at their floor and may leave it; not by far."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for each term that rises."""
    terms = {**run.terms(names.RAW), **run.terms(names.UNWEIGHTED), **run.terms(names.WEIGHTED)}
    series: dict[str, Column] = {}
    for term in sorted(terms):
        found = None if term in names.ANCHORS or _MAY.search(term) else signals.unweighted(run, [term])
        if found is not None and len(found[1]) >= t["records"]:
            series[found[0]] = found[1]
    series |= {term: c for term, c in signals.sides(run).items() if not _MAY.search(term) and len(c) >= t["records"]}
    if not series:
        raise TooFew("no term before its weight, beside the label loss, with enough records")
    label, total = signals.label_loss(run), run.get(names.LOSS)
    others = [label[1] if label else None, total]
    falls = any(c is not None and signals.falls(c, t["falls"]) for c in others)
    for name, column in series.items():
        third = len(column) // 3
        first, last = column.value[:third], column.value[-third:]
        rise = signals.gain(last, first)
        level = abs(float(median(first)))
        yield Reading(f"rise of {name}, as a share", rise.amount / level if level else 0.0, "rises")
        early = float(median(column.value[: max(3, third // 4)]))
        least = (t["balance"] if _BALANCES.search(name) else t["rises"]) * level
        if falls and float(median(last)) > early + least and rise.surely_above(least):
            one = _finding(name, column, early, float(median(last)))
            # a term that learns nothing stays within a few times what it began with
            yield _runs_away(one, name) if 0 < t["runs"] * early < float(median(last)) else one


def _runs_away(found: Finding, name: str) -> Finding:
    first, last = (words.number(found.numbers[end]) for end in ("first", "last"))
    return replace(
        found,
        level=Level.WARNING,
        headline=(
            f"{words.capital(words.called(name))} runs away, from {first} to {last}, while the loss of another term "
            "falls: it is not the student that makes it so large."
        ),
        cause="Its weight grows without end, or what it is divided by shrinks, or it is a sum that is never set to 0.",
        remedy="Log the weight and the raw value of it at every record; limit the weight, and see which of them grows.",
    )


def _finding(name: str, column: Column, first: float, last: float) -> Finding:
    return RULE.finding(
        level=Level.INFO,
        headline=(
            f"{words.capital(words.called(name))} rises from {words.number(first)} to {words.number(last)} while the "
            "loss falls: the student moves away from what it asks for."
        ),
        evidence=(f"{words.counted(len(column), 'record')} of {name}",),
        cause="Its weight is too small, its sign or its targets are wrong, or its gradient does not reach the student.",
        remedy="Take the gradient of this term alone on one batch and step along it: the term must fall.",
        first_step=float(column.step[0]),
        last_step=float(column.step[-1]),
        numbers={"first": first, "last": last},
    )


RULE = Rule(
    code="R217",
    name="term-rises",
    level=Level.WARNING,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(f"{names.LOSS}|{names.RAW}|{names.UNWEIGHTED}|{names.WEIGHTED}",),
    check=check,
    thresholds={"rises": 0.1, "runs": 10, "balance": 1, "falls": 0.05, "records": 24},
)
