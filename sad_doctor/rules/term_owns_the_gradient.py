"""One term owns the gradient

## What it sees
The logged shares of the gradient: a term other than the label loss (lm, ce, nll, task, sft) above 80% in the median of
the recent records and in at least four of five of them. For KD it may be meant, so that is a warning. A label loss
above 95% is a hint: then no other term has a say.

## Why it is bad
The gradient is what moves the weights; a term's value need not say how much. Whatever a term of 3% of the value but 90%
of the gradient wants is what the student becomes, and the others are decoration.

## Thresholds
- `share = 0.8`, `often = 0.8`: the share, and the share of records that must exceed it.
- `anchor = 0.95`: the share from which a label loss leaves the others no say.
- `records = 5`: fewest records; gradients of single terms are dear, so few are logged.

## Example
```run fires
steps: 20 every 50
train/grad_share/layerwise: 0.93
train/grad_share/kd: 0.04
train/grad_share/lm: 0.03
```

```run quiet
steps: 20 every 50
train/grad_share/layerwise: 0.25
train/grad_share/kd: 0.45
train/grad_share/lm: 0.3
```

## Remedy
Lower the weight of the term by its own share: target·(1 − share) / (share·(1 − target)); or name the shares wanted and
let the weights follow.

```toml
[shares]
kd = 47
layerwise = 27
lm = 26
```

## Sources
- TheDeepChecker (Ben Braiek and Khomh 2022), "Overwhelming regularization": the ratio of gradient norms.
- Chen et al. 2018, "GradNorm", arXiv 1711.02257.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_TARGET = 0.3


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield a finding for the term that owns the gradient."""
    shares = {term: signals.finite(signals.tidy(c)) for term, c in run.terms(names.GRAD_SHARE).items()}
    shares = {term: column for term, column in shares.items() if len(column) >= t["records"]}
    if len(shares) < 2:
        raise TooFew(f"no two terms have {t['records']:g} records of their share of the gradient")
    for term, column in shares.items():
        late = Column(column.step[len(column) // 2 :], column.value[len(column) // 2 :])
        anchor = term.lower() in names.ANCHORS
        limit = t["anchor" if anchor else "share"]
        middle, above = float(median(late.value)), float(np.mean(late.value > limit))
        yield Reading(f"median share of {term} in the gradient", middle, "anchor" if anchor else "share")
        if middle > limit and above >= t["often"]:
            yield _finding(run, term, late, middle, limit, anchor=anchor)


def _finding(run: Run, term: str, late: Column, middle: float, limit: float, *, anchor: bool) -> Finding:
    value = signals.shares(run).get(term)
    told = [] if value is None else [f"Its share of the value is {words.percent(float(median(value.value)))}"]
    factor = _TARGET * (1 - middle) / (middle * (1 - _TARGET))
    weight = run.get(names.WEIGHT + term)
    new = f"[terms.{term}] weight = {weight.last * factor:.3g}, now {weight.last:.3g}" if weight is not None else ""
    level = Level.WARNING if term == names.KD else Level.ERROR
    return RULE.finding(
        level=Level.INFO if anchor else level,
        headline=(
            f"The term {term} is {words.percent(middle)} of the gradient in the median of the last "
            f"{words.counted(len(late), 'record')}."
        ),
        evidence=(
            f"Above {words.percent(limit)} in {int((late.value > limit).sum())} of {len(late)} records, steps "
            f"{words.step(late.step[0])} to {words.step(late.step[-1])}",
            *told,
        ),
        cause=(
            "The label loss alone moves the student: the weights of the other terms are too small to matter."
            if anchor
            else f"The term {term} is on another scale, or its weight is too large."
        ),
        remedy=(
            "Raise the weights of the other terms, or name [shares] in the recipe."
            if anchor
            else f"In the recipe: {new or f'multiply the weight of {term} by {factor:.3g}'}, or name target [shares]."
        ),
        first_step=float(late.step[0]),
        last_step=float(late.step[-1]),
        numbers={"median_share": middle, "limit": limit},
    )


RULE = Rule(
    code="R212",
    name="term-owns-the-gradient",
    level=Level.ERROR,
    page=__doc__,
    needs=(names.GRAD_SHARE,),
    check=check,
    thresholds={"share": 0.8, "often": 0.8, "anchor": 0.95, "records": 5},
)
