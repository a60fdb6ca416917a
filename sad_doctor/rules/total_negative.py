"""The loss is below zero

## What it sees
A training loss that is below zero in a good part of the records, and that came down there from above zero, or was there
from the first record on.

## Why it is bad
A cross-entropy and a KL are never negative, nor are squared errors. A total below zero holds a term with a wrong sign,
a KL of numbers that are no distributions, or a division by a negative count; minimised, it has no floor and the student
goes wherever that leads. Rewards and log-likelihoods of densities may rightly be negative, so this is a hint.

## Thresholds
- `often = 0.2`: the share of the records below zero. `below = 0.01`: how far below zero counts. `records = 10`: fewest.

## Example
```run fires
steps: 40
train/loss: 2 -> -3 ~ 0.1
```

```run quiet
steps: 40
train/loss: 2 -> 0.02 ~ 0.01
```

## Remedy
Log each term with its weight, and look for the one that is negative. For `F.kl_div` the first argument is a logarithm
of probabilities and the second one probabilities, unless `log_target=True`.

## Sources
- axolotl, issue 2692: a KD loss that is divided by a count of -1. PyTorch's documentation of `KLDivLoss`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Run

CODE, NAME = "R218", "total-negative"


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding for a loss below zero."""
    loss = signals.finite(signals.tidy(run.columns[names.LOSS]))
    if len(loss) < t["records"]:
        raise TooFew(f"fewer than {t['records']:g} records of the loss")
    below = loss.value < -t["below"]
    share = float(np.mean(below))
    yield Reading("share of the records of the loss below zero", share, "often")
    if share >= t["often"] and share > 0:
        first = float(loss.step[below][0])
        yield Finding(
            rule=CODE,
            name=NAME,
            level=Level.INFO,
            headline=(
                f"The training loss is below zero in {int(below.sum()):,} of {len(loss):,} records, "
                f"{words.number(loss.last)} at the end: no cross-entropy, KL or squared error is."
            ),
            evidence=(f"Below zero first at step {words.step(first)}; lowest {words.number(float(loss.value.min()))}",),
            cause="A term has the wrong sign, is no KL of two distributions, or is divided by a negative count.",
            remedy="Log each term with its weight, and look for the one that is negative.",
            first_step=first,
            last_step=float(loss.step[-1]),
            numbers={"share": share, "lowest": float(loss.value.min())},
        )


RULE = Rule(
    code=CODE,
    name=NAME,
    level=Level.INFO,
    page=__doc__,
    needs=(names.LOSS,),
    check=check,
    thresholds={"often": 0.2, "below": 0.01, "records": 10},
)
