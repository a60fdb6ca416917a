"""The gradient norm grows throughout

## What it sees
The gradient norm rises steadily, to several times what it was after the first tenth of the run. What it rises by
at one step is left out of that: R408 tells of a break.

## Why it is bad
The norm of a healthy run falls at first and then stays, or rises a little. One that grows throughout is a sum over more
and more steps, because the gradients are never set to 0; or the weights or their outputs grow without bound, which ends
in a divergence; or the learning rate is too high for what it does to the curvature. The clip hides it: the loss goes on
falling, along a direction that is mostly of the past.

## Thresholds
- `grows = 4`: the factor between the last third and the second tenth. `steady = 0.8`: the rank correlation of its
  blocks with time. `records = 24`: fewest records.

## Example
```run fires
steps: 100
train/grad_norm: 1 -> 4 -> 14 ~ 0.2
```

```run quiet
steps: 100
train/grad_norm: 3 -> 1 -> 1.5 ~ 0.2
```

## Remedy
Take the norm before and after `zero_grad()` in one step: after it must be 0. If it is, lower the learning rate, or
watch the norms of the weights and of the logits.

## Sources
- PyTorch's documentation of `Optimizer.zero_grad`: gradients are summed until they are set to 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Hint, Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.signals.middle import median

_BLOCKS = 10

_SIGMAS, _SHARE = 5.5, 0.5
"""Standard errors and share of the level from which on a step of the norm is one: see R408."""


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a norm that grows throughout."""
    norm = signals.finite(signals.tidy(run.columns[names.GRAD_NORM]))
    found = signals.blocks(norm, min(_BLOCKS, len(norm) // 4)) if len(norm) >= t["records"] else None
    if found is None:
        raise TooFew(f"fewer than {t['records']:g} records of the gradient norm")
    begin, end = float(found.middle[1]), float(median(found.middle[-3:]))
    steady = signals.rank_correlation(found.middle[1:], np.arange(found.middle.size - 1, dtype=np.float64))
    yield Reading("growth of the gradient norm, as a factor", end / begin if begin > 0 else 0.0, "grows")
    grown = begin > 0 and end > t["grows"] * begin and steady > t["steady"]
    if grown and end > t["grows"] * begin * _sudden(norm):
        yield RULE.finding(
            headline=(
                f"The gradient norm grows throughout, from {words.number(begin)} to {words.number(end)}, "
                f"{words.number(end / begin, 1)} times."
            ),
            evidence=(f"{words.counted(len(norm), 'record')}; its blocks rise in order ({words.number(steady, 2)})",),
            cause="The gradients are never set to 0, or the weights grow without bound.",
            remedy="Take the norm before and after zero_grad() in one step; then lower the learning rate.",
            first_step=float(found.step[1]),
            last_step=float(norm.step[-1]),
            numbers={"first": begin, "last": end},
        )


def _sudden(norm: Column) -> float:
    """The factor by which the norm rises at one step; 1 if it does not."""
    one = signals.breaks(norm, _SIGMAS, _SHARE)
    return one.after / one.before if one is not None and 0 < one.before < one.after else 1.0


RULE = Rule(
    code="R113",
    name="gradient-grows",
    level=Level.INFO,
    hint=Hint.PICTURE,
    page=__doc__,
    needs=(names.GRAD_NORM,),
    check=check,
    thresholds={"grows": 4, "steady": 0.8, "records": 24},
)
